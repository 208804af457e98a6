"use strict";

const nodes = [...document.querySelectorAll("[data-node]")];
const leaves = [...document.querySelectorAll("[data-leaf]")];
let kept = null;

const within = (address, parent) => address === parent || address.startsWith(parent + "/");

// Light up the strokes of the node at an address; null shows all of them alike.
function light(address) {
  for (const leaf of leaves) {
    leaf.classList.toggle("dim", address !== null && !within(leaf.dataset.leaf, address));
  }
  for (const node of nodes) node.classList.toggle("lit", node.dataset.node === address);
}

function keep(address) {
  kept = kept === address ? null : address;
  for (const node of nodes) node.classList.toggle("kept", node.dataset.node === kept);
  light(kept);
}

for (const node of nodes) {
  const summary = node.querySelector(":scope > summary");
  const address = node.dataset.node;
  summary.addEventListener("mouseenter", () => light(address));
  summary.addEventListener("mouseleave", () => light(kept));
  summary.addEventListener("focus", () => light(address));
  summary.addEventListener("blur", () => light(kept));
  summary.querySelector(".name").addEventListener("click", (event) => {
    event.preventDefault(); // the triangle folds, the name keeps
    keep(address);
  });
}

for (const leaf of leaves) {
  const address = leaf.dataset.leaf;
  leaf.addEventListener("mouseenter", () => light(address));
  leaf.addEventListener("mouseleave", () => light(kept));
  leaf.addEventListener("click", () => {
    for (const node of nodes) if (within(address, node.dataset.node)) node.open = true;
    keep(address);
    const node = nodes.find((one) => one.dataset.node === address);
    node.scrollIntoView({ block: "nearest", behavior: "smooth" });
  });
}

document.getElementById("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme
    ? root.dataset.theme === "dark"
    : window.matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
});
