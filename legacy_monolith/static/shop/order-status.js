// Follows the status of the order on this page; the page is complete without it.
const place = document.getElementById("status");
const history = document.getElementById("history");
const cancellable = ["pending", "confirmed"];
const last = ["delivered", "cancelled"];

if (place?.dataset.events) {
  const source = new EventSource(place.dataset.events);
  const shown = history.children.length;
  let seen = 0;
  source.addEventListener("status", (event) => {
    const { status, at } = JSON.parse(event.data);
    const label = status[0].toUpperCase() + status.slice(1);
    // A fresh stream tells the whole history, of which the page already shows the first part. The last of that part may
    // be newer than the page's status: an event that came in while the page was made.
    if (++seen >= shown) {
      place.textContent = label;
      place.className = `status ${status}`;
    }
    if (seen > shown) {
      const item = document.createElement("li");
      const time = document.createElement("time");
      time.dateTime = at;
      const shape = { day: "numeric", month: "long", year: "numeric", hour: "2-digit", minute: "2-digit", timeZone: "UTC" };
      time.textContent = new Date(at).toLocaleString("en-GB", shape).replace(" at ", ", ");
      item.append(`${label} `, time);
      history.append(item);
    }
    if (!cancellable.includes(status)) document.getElementById("cancel")?.remove();
    if (last.includes(status)) source.close();
  });
}
