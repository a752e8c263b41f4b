// What the search shows of a page: its article, or what a term or a symbol means; and the words that were asked for, whose
// stems may end otherwise (entropi, entropy). Sphinx would show the buttons above the article.
Search.htmlToText = (text, anchor) => {
  const page = new DOMParser().parseFromString(text, "text/html");
  page.querySelectorAll(".headerlink, script, style, .cell_input").forEach((element) => element.remove());
  page.querySelectorAll("span.math, div.math").forEach((element) => {
    element.textContent = element.textContent.replace(/\\[()[\]]/g, "");
  });
  const article = page.querySelector("article.bd-article") ?? page.body;
  const found = anchor ? article.querySelector(anchor) : null;
  const place = found?.closest("dt")?.nextElementSibling ?? found?.closest("tr") ?? found ?? article;
  return place.textContent.replace(/\s+/g, " ").trim();
};
Search.makeSearchSummary = (text, words, anchor) => {
  const content = Search.htmlToText(text, anchor), lower = content.toLowerCase();
  const places = [...words].flatMap((word) => [word, word.slice(0, -1)]).map((word) => lower.indexOf(word));
  const start = Math.max((places.find((place) => place >= 0) ?? 0) - 120, 0), end = start + 240;
  const summary = document.createElement("p");
  summary.className = "context";
  summary.textContent = `${start ? "…" : ""}${content.slice(start, end)}${end < content.length ? "…" : ""}`;
  return summary;
};
