(function (id) {
  const root = document.getElementById(id);
  const rows = Array.from(root.querySelectorAll("[data-line]"));
  let pinned = null;
  function light(line) {
    for (const row of rows) row.classList.toggle("lit", line !== null && row.dataset.line === line);
  }
  for (const row of rows) {
    row.addEventListener("mouseenter", () => light(row.dataset.line));
    row.addEventListener("mouseleave", () => light(pinned));
    row.addEventListener("click", () => {
      pinned = pinned === row.dataset.line ? null : row.dataset.line;
      light(pinned);
      const other = rows.find((r) => r.dataset.line === pinned && r.parentNode !== row.parentNode);
      if (other) other.scrollIntoView({ block: "nearest" });
    });
  }
})
