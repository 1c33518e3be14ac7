/* The colours to paint with: those that suit the place that was touched, some general ones, and any. */

const [suited, general, anyColor, colorNow] = [".suited", ".general", ".any", ".now"].map(find);

const GENERAL = [
  ["Red", "#a82a2a"], ["Brick", "#9a4a35"], ["Orange", "#c8772c"], ["Ochre", "#b98d3e"], ["Olive", "#66692f"],
  ["Green", "#4d7a3a"], ["Teal", "#2f7a78"], ["Sky blue", "#6fa3cf"], ["Blue", "#2f55a4"], ["Violet", "#6d4a93"],
  ["Rose", "#cf8a97"], ["Brown", "#6d4a30"], ["Khaki", "#9a8a63"], ["Stays gray", "#808080"],
];
const DARKEST = 3, BRIGHTEST = 13; // steps of the palette; beyond them, all colours look black or white
let seen = null; // a small copy of the photo on the stage: {src, data, width, height}

for (const [name, color] of GENERAL) general.append(swatch(name, color));
anyColor.addEventListener("input", () => takeColor(anyColor.value));
takeColor(GENERAL[0][1]);

/** A radio button that looks like its colour. */
function swatch(name, color) {
  const label = made("label", "swatch", ""), radio = made("input", "unseen", ""), chip = made("span", "", "");
  Object.assign(radio, { type: "radio", name: "colour", value: color });
  radio.setAttribute("aria-label", name);
  radio.addEventListener("change", () => takeColor(color));
  chip.style.background = color;
  label.title = name;
  label.append(radio, chip);
  return label;
}

/** Paint with a colour from now on. */
function takeColor(color) {
  colorNow.dataset.color = color;
  colorNow.style.background = color;
  anyColor.value = color;
  for (const radio of document.querySelectorAll(".swatch input")) radio.checked = radio.value === color;
}

/** Offer the colours that places as bright as this one had in and around faces. */
function suit(x, y) {
  const step = Math.floor((luminanceAt(x, y) * PALETTE.length) / 256);
  const colors = PALETTE[Math.min(Math.max(step, DARKEST), BRIGHTEST)];
  suited.querySelectorAll(".swatch").forEach((label) => label.remove());
  suited.append(...colors.map((color, at) => swatch(`Suits this place, ${at + 1}: ${color}`, color)));
  takeColor(colorNow.dataset.color);
  return colors;
}

/** The luma of BT.601, 0 to 255, at a place of the photo, given as fractions of its width and height. */
function luminanceAt(x, y) {
  if (seen?.src !== after.src) seen = { src: after.src, ...smallCopy(after) };
  const column = Math.min(seen.width - 1, Math.floor(x * seen.width)), row = Math.min(seen.height - 1, Math.floor(y * seen.height));
  const [red, green, blue] = seen.data.subarray(4 * (row * seen.width + column));
  return 0.299 * red + 0.587 * green + 0.114 * blue;
}

function smallCopy(picture) {
  const scale = Math.min(1, 256 / Math.max(picture.naturalWidth, picture.naturalHeight));
  const [width, height] = [picture.naturalWidth, picture.naturalHeight].map((side) => Math.max(1, Math.round(side * scale)));
  const context = Object.assign(document.createElement("canvas"), { width, height }).getContext("2d");
  context.drawImage(picture, 0, 0, width, height);
  return { width, height, data: context.getImageData(0, 0, width, height).data };
}
