"use strict";
(() => {
  const form = document.querySelector("form.filters");
  if (!form) return;
  const cards = [...document.querySelectorAll("article")];
  const texts = new Map();
  const text = (card) => {
    if (!texts.has(card)) texts.set(card, card.textContent.toLowerCase());
    return texts.get(card);
  };
  const apply = () => {
    const severities = new Set([...form.querySelectorAll("[name=severity]:checked")].map((box) => box.value));
    const rule = form.elements.rule.value;
    const words = form.elements.text.value.toLowerCase().split(/\s+/).filter(Boolean);
    const elsewhere = form.elements.elsewhere.checked;
    let shown = 0;
    for (const card of cards) {
      const { severity, rule: own, place } = card.dataset;
      const fits = severities.has(severity) && (!rule || rule === own) && (elsewhere || place === "source") &&
        words.every((word) => text(card).includes(word));
      card.hidden = !fits;
      shown += fits;
    }
    form.querySelector("output").textContent = `${shown.toLocaleString("en")} of ${cards.length.toLocaleString("en")}`;
    document.querySelector(".none").hidden = shown > 0;
  };
  form.hidden = false;
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  apply();
})();
