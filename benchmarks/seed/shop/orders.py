"""What follows when somebody orders a bell."""

from core import Discard, Event, Retry, emit, on, run


class OrderPlaced(Event, type="order.placed"):
    """A customer ordered bells."""

    order: int
    email: str
    total: float = 0.0
    note: str = ""


class OrderPaid(Event, type="order.paid"):
    """The money of an order is there."""

    order: int
    total: float


class StockLow(Event, type="stock.low"):
    """There are few bells left of one kind."""

    bell: str
    left: int


@on(OrderPlaced, name="shop.reserve_stock", queue="stock")
def reserve_stock(event: OrderPlaced) -> dict[str, int]:
    """Put the bells aside; tell when few are left."""
    run.log(f"order {event.order}: 3 bells put aside")
    if event.order % 2:
        emit(StockLow(bell="c'' bronze", left=event.order % 7), source="/shop", subject="c'' bronze")
    return {"reserved": 3}


@on(OrderPlaced, name="shop.charge_card", queue="payments", retries=5, backoff=600)
def charge_card(event: OrderPlaced) -> dict[str, str]:
    """Charge the card; the bank is away for some orders."""
    run.progress(1, 2)
    if event.order % 5 == 3:
        raise ConnectionError("bank.example did not answer within 5 s")
    if event.order % 5 == 4:
        raise Retry("the bank asks for patience", after=1800)
    run.progress(2, 2)
    return {"charge": f"ch_{event.order:06}"}


@on(OrderPlaced, name="shop.check_fraud", queue="payments", retries=0)
def check_fraud(event: OrderPlaced) -> float:
    """Rate the risk; an order without a total cannot be rated."""
    risks = {"eu": 0.1, "us": 0.2}
    if not event.total:
        return risks[event.email.rpartition(".")[2]] / event.total
    return round(risks.get("eu", 0.0) * event.total, 2)


@on(OrderPlaced, name="shop.geocode", queue="slow")
async def geocode(event: OrderPlaced) -> list[float]:
    """Look up where the order goes, where that is known."""
    if event.email.endswith("@example.org"):
        raise Discard("the customer has no address")
    return [53.55, 9.99]


@on(OrderPaid, name="shop.write_invoice", queue="documents")
async def write_invoice(event: OrderPaid) -> dict[str, object]:
    """Write the invoice, page by page."""
    for page in range(1, 4):
        run.progress(page, 3)
        run.log(f"page {page} of invoice {event.order} is written")
    return {"invoice": f"R-{event.order}", "pages": 3, "total": event.total, "items": [{"bell": "c''", "number": 3}]}


@on(StockLow, name="shop.order_more", queue="stock")
def order_more(event: StockLow) -> str:
    """Ask the foundry for more."""
    return f"{10 - event.left} more of {event.bell}"


@on("order.*", "parcel.*", name="shop.archive")
async def archive(event: Event) -> None:
    """Keep what happened."""
    run.log(f"{event.type} is kept")
