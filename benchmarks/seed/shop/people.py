"""What customers and colleagues are told."""

from benchmarks.seed.shop.orders import OrderPaid, OrderPlaced
from core import Event, on
from core import task as durable


class ParcelSent(Event, type="parcel.sent"):
    """A parcel is on its way."""

    order: int
    carrier: str


class CustomerJoined(Event, type="customer.joined"):
    """Somebody new wants to hear of bells."""

    name: str
    email: str


@on(OrderPlaced, name="shop.send_receipt", queue="mail", retries=5)
async def send_receipt(event: OrderPlaced) -> dict[str, str]:
    """Thank for the order."""
    return {"to": event.email, "subject": f"Your order {event.order}"}


@on(OrderPlaced, OrderPaid, name="shop.count_revenue")
def count_revenue(event: OrderPlaced | OrderPaid) -> float:
    """Add to the day's revenue."""
    return event.total


@on(ParcelSent, name="shop.announce_parcel", queue="mail")
async def announce_parcel(event: ParcelSent) -> str:
    """Say when the parcel comes."""
    return f"order {event.order} comes with {event.carrier}"


@on(CustomerJoined, name="shop.welcome", queue="mail")
async def welcome(event: CustomerJoined) -> str:
    """Say hello."""
    return f"Hello {event.name}"


@on("run.dead", name="shop.tell_people", queue="mail")
async def tell_people(event: Event) -> str:
    """Tell a colleague what nobody will try again."""
    return f"{event.data['task']}: {event.data['error']['type']}"


@durable(name="shop.reindex", queue="slow")
def reindex(shelf: str, *, deep: bool = False) -> str:
    """Read a shelf of the catalogue anew."""
    return f"{shelf} is read{' to the ground' if deep else ''}"
