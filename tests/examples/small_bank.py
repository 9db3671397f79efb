"""A small bank in the Berka format, made by hand: each line is here for a reason."""

from pathlib import Path
from typing import Final

ACCOUNTS: Final = """\
"account_id";"district_id";"frequency";"date"
1;55;"POPLATEK MESICNE";930101
2;74;"POPLATEK MESICNE";930102
3;74;"POPLATEK MESICNE";930210
"""

# line 2 on: the header is line 1
TRANSACTIONS: Final = """\
"trans_id";"account_id";"date";"type";"operation";"amount";"balance";"k_symbol";"bank";"account"
101;1;930101;"PRIJEM";"VKLAD";700.00;700.00;"";;
102;2;930102;"VYDAJ";"VYBER";900.00;100.50;"";;
103;2;930102;"PRIJEM";"VKLAD";1000.50;1000.50;"";;
104;1;930105;"VYBER";"VYBER";6600.00;-5900.00;"";;
105;1;930106;"VYDAJ";"VYBER";200.00;-6100.00;"";;
106;1;930131;"VYDAJ";"VYBER";150.00;-6050.00;"SANKC. UROK";;
107;9;930131;"PRIJEM";"VKLAD";5.00;5.00;"";;
108;3;930131;"PRIJEM";"VKLAD";5.00;5.00;"";;
109;2;930131;"VYDAJ";"PREVOD NA UCET";0.00;100.50;"SIPO";"AB";"4711"
110;2;930131;"VYDAJ";"PREVOD NA UCET";0.5;100.00;"SIPO";"AB";"4711"
111;2;930131;"ZISK";"VKLAD";5.00;105.00;"";;
112;2;930231;"PRIJEM";"VKLAD";5.00;105.00;"";;
113;2;930131;"PRIJEM";"VKLAD";5,00;105.00;"";;
114;two;930131;"PRIJEM";"VKLAD";5.00;105.00;"";;
115;2;930131;"PRIJEM;"VKLAD";5.00;105.00;"";;
116;1;930201;"PRIJEM";"PREVOD Z UCTU";7000.00;950.00;"DUCHOD";"CD";"815"
117;2;930201;"PRIJEM";"VKLAD";50.00;150.00;"";;
118;2;930201;"PRIJE"""

REFUSED: Final = {
    6: "over the overdraft of 6,000.00",
    8: "there is no account 9 on 1993-01-31",
    9: "there is no account 3 on 1993-01-31",
    10: "an amount is at least one hundredth",
}
MALFORMED: Final = {
    12: "'ZISK' is neither credit nor debit",
    13: "day is out of range for month",
    14: "'5,00' is no amount",
    15: "the transaction or the account has no number",
    16: "a quote is not closed",
    19: "4 of 10 columns",
}
ROWS: Final = 18
DECLINED: Final = 1  # of those refused: for the account's sake, so it is kept as an event
APPENDED: Final = ROWS - len(REFUSED) - len(MALFORMED) + DECLINED
DAY_ENDS: Final = (1, 3, 4, 5, 15, 18)  # after so many rows a day is over
BALANCES: Final = {"1": 950_00, "2": 150_00}
CLOSINGS: Final = {
    "1 1993-01-01": 700_00,
    "1 1993-01-05": -5900_00,
    "1 1993-01-31": -6050_00,
    "1 1993-02-01": 950_00,
    "2 1993-01-02": 100_50,
    "2 1993-01-31": 100_00,
    "2 1993-02-01": 150_00,
}


def write(folder: Path, transactions: str = TRANSACTIONS) -> Path:
    """The folder, with the bank's files in it."""
    folder.mkdir(exist_ok=True)
    (folder / "account.asc").write_text(ACCOUNTS)
    (folder / "trans.asc").write_text(transactions)
    return folder
