// The reference's script: filters the list, copies code, fills in the deployment's address, and keeps the chosen language for the tab.

import "../docs.css";
import { fillAddress } from "../address.ts";

const LANGUAGE = "docs-language";
const COPIED_MS = 1_500;

fillAddress();
filterList();
keepLanguage();
for (const code of document.querySelectorAll("figure > pre, .code details > pre")) addCopy(code);

function filterList(): void {
  const find = document.querySelector<HTMLInputElement>("#find");
  const list = document.querySelector<HTMLElement>("#list");
  const none = document.querySelector("#none");
  if (find === null || list === null || none === null) return;
  document.querySelector("#filter")?.removeAttribute("hidden");
  find.addEventListener("input", () => {
    const words = find.value.toLowerCase().split(/\s+/);
    for (const line of list.querySelectorAll<HTMLElement>("li")) {
      line.hidden = !words.every((word) => line.dataset.words?.includes(word));
    }
    for (const group of list.querySelectorAll<HTMLElement>("section:not(.top)")) {
      group.hidden = group.querySelector("li:not([hidden])") === null;
    }
    none.textContent = list.querySelector("li:not([hidden])") === null ? "No call has these words." : "";
  });
  find.addEventListener("keydown", ({ key }) => {
    if (key === "Enter") list.querySelector<HTMLElement>("li:not([hidden]) a")?.click();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target instanceof HTMLInputElement) return;
    event.preventDefault();
    if (getComputedStyle(list).position === "fixed") list.showPopover();
    find.focus();
  });
  list.addEventListener("click", ({ target }) => {
    if (target instanceof Element && target.closest("a") !== null && list.matches(":popover-open")) list.hidePopover();
  });
}

function keepLanguage(): void {
  const kept = sessionStorage.getItem(LANGUAGE);
  for (const choice of document.querySelectorAll<HTMLInputElement>("[name=language]")) {
    if (choice.id === kept) choice.checked = true;
    choice.addEventListener("change", () => sessionStorage.setItem(LANGUAGE, choice.id));
  }
}

function addCopy(code: Element): void {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  button.addEventListener("click", () => {
    void navigator.clipboard.writeText(code.textContent ?? "").then(() => {
      button.textContent = "Copied";
      setTimeout(() => {
        button.textContent = "Copy";
      }, COPIED_MS);
    });
  });
  code.before(button);
}
