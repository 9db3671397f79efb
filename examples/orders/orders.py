"""The app."""

import order
import payment
import shipment
import stock
from shop import collected, customers, picking, sent

from leftfold import App

orders = App(
    "orders",
    deciders=[order, payment, stock, shipment],
    views=[customers, picking],
    reactions=[collected, sent],
)
