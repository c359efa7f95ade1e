// Puts the page's own address into the samples.

const WRITTEN = "https://sluice.example";

export function fillAddress(): void {
  for (const code of document.querySelectorAll("code")) {
    const texts = document.createTreeWalker(code, NodeFilter.SHOW_TEXT);
    for (let text = texts.nextNode(); text !== null; text = texts.nextNode()) {
      const { nodeValue } = text;
      if (nodeValue?.includes(WRITTEN)) text.nodeValue = nodeValue.replaceAll(WRITTEN, location.origin);
    }
  }
}
