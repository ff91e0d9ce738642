// Looks for news every two seconds and keeps what is open, and what somebody is just marking to copy.
"use strict";
const list = document.getElementById("messages");
const trouble = document.getElementById("trouble");
let last = list && list.innerHTML;
async function look() {
  try {
    const answer = await fetch(location.pathname, { cache: "no-store" });
    if (!answer.ok) throw new Error(answer.status);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("messages");
    trouble.hidden = true;
    if (fresh.innerHTML !== last && document.getSelection().isCollapsed) {
      last = fresh.innerHTML;
      const known = new Map([...list.querySelectorAll("details")].map((one) => [one.id, one.open]));
      list.replaceChildren(...fresh.childNodes);
      for (const one of list.querySelectorAll("details")) one.open = known.get(one.id) ?? one.open;
    }
  } catch {
    trouble.hidden = false;
  }
  setTimeout(look, 2000);
}
if (list) setTimeout(look, 2000);
