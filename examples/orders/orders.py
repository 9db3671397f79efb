"""The app: an order that is placed starts a checkout, an amount that is charged is dunned for until it is paid."""

import order
import payment
import shipment
import stock
from checkout import checkout, placed
from dunning import dunning
from shop import collected, customers, picking, sent

from leftfold import App

orders = App(
    "orders",
    deciders=[order, payment, stock, shipment],
    views=[customers, picking],
    reactions=[placed, collected, sent],
    processes=[dunning],
    workflows=[checkout],
)
