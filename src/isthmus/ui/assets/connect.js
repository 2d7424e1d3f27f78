// The connect page's script. Without it every step up to the provider works; with it the page tells whoever
// opened it how things ended (one message, never before the end), waits without being reloaded, and searches.
(() => {
  "use strict";

  const page = document.body;
  const data = page.dataset;
  const framed = window.parent !== window;
  let told = false;

  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  function post(message) {
    if (told) return true;
    const other = framed ? window.parent : window.opener;
    if (!other || (!framed && other.closed)) return false;
    told = true;
    // A browser drops what is posted to an origin that is not the other window's: one arrives at most.
    for (const origin of JSON.parse(data.origins)) other.postMessage(message, origin);
    return true;
  }

  // `result`: success, error, closed. `message`: for the opener. `address`: where to go when nobody opened us.
  function finish({ result, message, address }) {
    if (result === "closed") {
      if (framed) return post("closed");
      if (window.opener) return window.close(); // the opener sees it; a message would count as an answer
    } else if (post(message)) {
      return;
    }
    if (address) location.replace(address);
    else window.close();
  }

  function endings() {
    if (!data.ending) return;
    const ending = JSON.parse(data.ending);
    if ("ended" in data) return finish(ending);
    for (const button of all("[data-close]")) {
      button.hidden = false;
      button.addEventListener("click", (event) => {
        event.preventDefault();
        finish(ending);
      });
      button.addEventListener("keydown", (event) => {
        if (event.key === "Enter" || event.key === " ") button.click();
      });
    }
  }

  // Closing the window on the form of an account that is connected is a success.
  function skipping() {
    if (!data.skip || framed) return;
    let stays = false;
    addEventListener("submit", () => (stays = true));
    addEventListener("click", (event) => (stays ||= Boolean(event.target.closest("a[href]:not([target])"))));
    addEventListener("pagehide", () => {
      if (!stays) post(JSON.parse(data.skip));
    });
  }

  const WAITING = ["away", "post_install", "validation", "leaving"];

  function waiting() {
    if (!data.status || !WAITING.includes(data.place) || (data.place === "leaving" && !framed)) return;
    const here = data.place === "leaving" ? "away" : data.place;
    let pause = 500;
    const look = async () => {
      try {
        const answer = await fetch(data.status, { headers: { accept: "application/json" }, cache: "no-store" });
        const { place } = await answer.json();
        if (place !== here) return location.replace(data.home);
      } catch {
        // The server is away for a moment; the next look tells.
      }
      pause = Math.min(pause * 1.3, 2000);
      setTimeout(look, pause);
    };
    setTimeout(look, pause);
  }

  // The provider's page in a window of its own: opened at once, while the browser still counts the click.
  async function sendAway(form) {
    const child = window.open("", "isthmus-provider", "popup,width=700,height=800");
    if (!child) return form.submit();
    const headers = { accept: "application/json", "content-type": "application/x-www-form-urlencoded" };
    try {
      const body = new URLSearchParams(new FormData(form));
      const answer = await fetch(form.action, { method: "POST", headers, body });
      const { address } = await answer.json();
      if (address) {
        child.location = address;
        return location.replace(data.home);
      }
    } catch {
      // What is wrong is told by the page itself.
    }
    child.close();
    form.submit();
  }

  function sending() {
    for (const field of all("input[type=text], input[type=url], input[type=email]")) {
      field.addEventListener("change", () => (field.value = field.value.trim()));
    }
    for (const form of all("form[data-send]")) {
      form.addEventListener("submit", (event) => {
        const button = form.querySelector("button.primary");
        if (button.disabled) return event.preventDefault();
        if ("away" in form.dataset && framed) {
          event.preventDefault();
          sendAway(form);
        }
        setTimeout(() => (button.disabled = true)); // a button that is disabled at once is not sent
        button.textContent = button.dataset.busy;
      });
    }
    addEventListener("pageshow", (event) => event.persisted && location.reload());
  }

  function searching() {
    const box = document.querySelector("[data-search]");
    if (!box) return;
    box.hidden = false;
    const input = box.querySelector("input");
    const none = document.querySelector("[data-none]");
    const offers = all("[data-words]");
    input.focus();
    input.addEventListener("input", () => {
      const words = input.value.trim().toLowerCase();
      for (const offer of offers) offer.hidden = !offer.dataset.words.includes(words);
      none.hidden = offers.some((offer) => !offer.hidden);
    });
  }

  // Choices that a provider has: the next ones, and anew when what they depend on changes.
  function choosing() {
    for (const field of all("[data-field]")) {
      const form = field.closest("form");
      const button = field.querySelector("[data-load]");
      const failed = field.querySelector("[data-failed]");
      const load = async (cursor) => {
        const body = new URLSearchParams(new FormData(form));
        body.set("_field", field.dataset.field);
        body.set("_cursor", cursor);
        button.disabled = true;
        const answer = await fetch(form.action, { method: "POST", headers: { accept: "application/json" }, body })
          .then((got) => got.json())
          .catch(() => ({ error: "The choices could not be fetched. Try again." }));
        button.disabled = false;
        failed.hidden = !answer.error;
        failed.textContent = answer.error || "";
        if (answer.error) return (button.hidden = false);
        add(field, answer.choices, !cursor);
        field.dataset.more = answer.more || "";
        button.hidden = !answer.more;
      };
      button.addEventListener("click", () => load(field.dataset.more));
      const needs = JSON.parse(field.dataset.needs);
      form.addEventListener("change", (event) => needs.includes(event.target.name) && load(""));
    }
  }

  function add(field, choices, anew) {
    const list = field.querySelector("[data-choices]");
    const many = "multiple" in list.dataset;
    if (anew && many) list.replaceChildren(...all("label", list).filter((label) => label.querySelector(":disabled")));
    const before = list.value;
    if (anew && !many) list.length = 1;
    const there = new Set(all(many ? "input" : "option", list).map((each) => each.value));
    for (const { value, label } of choices) {
      if (there.has(value)) continue;
      if (!many) {
        list.add(new Option(label, value));
        continue;
      }
      const row = document.createElement("label");
      const box = Object.assign(document.createElement("input"), { type: "checkbox", name: field.dataset.field, value });
      const text = document.createElement("span");
      text.textContent = label;
      row.className = "choice";
      row.append(box, text);
      list.append(row);
    }
    if (anew && !many && choices.some(({ value }) => value === before)) list.value = before;
  }

  if (framed) document.documentElement.classList.add("framed");
  endings();
  skipping();
  waiting();
  sending();
  searching();
  choosing();
  if ("returned" in data) window.close(); // only works, and is only right, where a page of ours opened it
})();
