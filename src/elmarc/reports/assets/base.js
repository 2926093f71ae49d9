"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
let mediaCache = null;

// Parsed when first needed: it may hold tens of megabytes.
function media() {
  mediaCache ??= JSON.parse(document.getElementById("media").textContent);
  return mediaCache;
}

function element(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

function clipCount(n) {
  return n === 1 ? "1 clip" : `${n} clips`;
}

// The value that comes most often, and how often.
function mostCommon(values) {
  const counts = new Map();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].reduce((best, next) => (next[1] > best[1] ? next : best));
}
