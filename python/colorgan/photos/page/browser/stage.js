/* The stage: the chosen photo before and after, one picture twice, with a slider between them. */

const [stage, frame, drop] = [".stage", ".frame", ".drop"].map(find);
const [before, after, split] = [".before", ".after", ".split"].map(find);
let looks = 0; // counts the pictures that were to be shown

/** Put a photo on the stage: its result or, until there is one, the file itself in gray. */
async function choose(photo) {
  chosen = photo ?? null;
  const look = ++looks;
  if (!photo?.result) paintOn(false);
  refresh();
  if (!photo) return;
  photo.tile.querySelector("input").checked = true;
  photo.url ??= URL.createObjectURL(photo.file);
  const picture = await loaded(photo.url);
  if (look !== looks) return;
  show(picture, photo);
  moveSplit(isPainting() ? 0 : photo.result?.isColoured ? photo.result.middle : 1);
}

/** Store a photo's result, and show it among the others and, if it is the chosen one, on the stage. */
async function present(photo, result) {
  const url = URL.createObjectURL(result.shown);
  const picture = await loaded(url);
  release(photo);
  Object.assign(photo, { result, url, size: { width: picture.naturalWidth, height: picture.naturalHeight } });
  photo.name ??= nameFor(photo.path, result.picture.name);
  drawTile(photo, picture);
  if (photo !== chosen) return;
  looks += 1;
  show(picture, photo);
  if (result.isColoured && !isPainting()) sweep(result.middle);
}

/** The picture at an address; it has no size if the browser cannot show it. */
async function loaded(url) {
  const picture = new Image();
  picture.src = url;
  await picture.decode().catch(() => {});
  return picture;
}

function show(picture, photo) {
  const isSeen = picture.naturalWidth > 0;
  frame.classList.toggle("blank", !isSeen);
  frame.classList.toggle("still", !isSeen || !photo.result?.isColoured);
  frame.style.setProperty("--width", picture.naturalWidth || 16);
  frame.style.setProperty("--height", picture.naturalHeight || 9);
  before.src = after.src = picture.src;
  if (photo.result && !stroke) drawStrokes(canvas, photo, SEEN);
}

// ---------------------------------------------------------------- the slider

/** Move the line between gray and colour to a fraction of the width. */
function moveSplit(fraction) {
  frame.classList.remove("sweeping");
  setSplit(fraction);
}

function setSplit(fraction) {
  const percent = Math.min(Math.max(fraction, 0), 1) * 100;
  frame.style.setProperty("--split", `${percent}%`);
  split.value = percent;
  split.setAttribute("aria-valuetext", `${Math.round(percent)} % gray`);
}

/** Draw colour over the gray photo, up to the middle of its surest face. */
function sweep(middle) {
  moveSplit(1);
  frame.getBoundingClientRect(); // without this, the browser would merge both moves into one
  frame.classList.add("sweeping");
  setSplit(middle);
}

function follow(event) {
  const box = frame.getBoundingClientRect();
  moveSplit((event.clientX - box.left) / box.width);
}

frame.addEventListener("pointerdown", (event) => {
  if (frame.classList.contains("still") || event.button !== 0) return;
  event.preventDefault();
  frame.setPointerCapture(event.pointerId);
  split.focus({ focusVisible: false });
  follow(event);
});
frame.addEventListener("pointermove", (event) => {
  if (frame.hasPointerCapture(event.pointerId)) follow(event);
});
split.addEventListener("input", () => moveSplit(split.valueAsNumber / 100));
