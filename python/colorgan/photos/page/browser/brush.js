/* The brush: painting on the photo with mouse, pen, finger or keys, and the painting tools. */

const [canvas, ring, painter, paintButton] = [".strokes", ".ring", ".painter", ".paint"].map(find);
const [undoButton, redoButton, blankButton, saveButton] = [".undo", ".redo", ".blank", ".save"].map(find);
const [strokesInput, referenceInput, unreferButton, mishap] = ["#strokes", "#reference", ".unrefer", ".mishap"].map(find);

const SIZES = [0.008, 0.02, 0.045, 0.1]; // of the longer side
let stroke = null; // the one that is being painted
let place = [0.5, 0.5]; // where the brush is

const isPainting = () => !painter.hidden;
const chosenOf = (name) => painter.querySelector(`[name="${name}"]:checked`).value;
const brushSize = () => SIZES[chosenOf("size")];

/** Open or close the tools; opening them shows the whole photo in colour. */
function paintOn(isOn) {
  painter.hidden = !isOn;
  main.classList.toggle("painting", isOn);
  if (isOn) {
    moveSplit(0);
    drawStrokes(canvas, chosen, SEEN);
    takeColor(suit(0.5, 0.5)[2]);
    keep(chosen);
  }
  refresh();
}

/** Update the tools for the chosen photo. */
function refreshPainter() {
  const { result, strokes, undone, reference } = chosen;
  paintButton.hidden = !result;
  paintButton.setAttribute("aria-expanded", isPainting());
  say(paintButton, isPainting() ? "Done painting" : "Paint colours");
  undoButton.disabled = blankButton.disabled = saveButton.disabled = !strokes?.length;
  redoButton.disabled = !undone?.length;
  unreferButton.hidden = !reference;
  if (reference) say(unreferButton, `Remove the colours of ${reference.name}`);
}

// ---------------------------------------------------------------- painting

function begin(at) {
  suit(...at);
  if (chosenOf("tool") === "look") return;
  stroke = { color: chosenOf("tool") === "brush" ? colorNow.dataset.color : null, size: brushSize(), points: [at] };
  drawStroke(canvas, stroke);
}

function go(at) {
  moveRing(at);
  if (!stroke) return;
  drawStroke(canvas, { ...stroke, points: [stroke.points.at(-1), at] });
  stroke.points.push(at);
}

function end() {
  if (!stroke) return;
  const done = { ...stroke, points: stroke.points.map((point) => point.map((part) => Math.round(1e4 * part) / 1e4)) };
  stroke = null;
  addStroke(chosen, done);
}

/** Show where the brush is, and its size. */
function moveRing([x, y]) {
  place = [x, y];
  const { width, height } = canvas;
  const size = brushSize() * Math.max(width, height);
  Object.assign(ring.style, { left: `${100 * x}%`, top: `${100 * y}%`, width: `${(100 * size) / width}%`, height: `${(100 * size) / height}%` });
}

function placeOf(event) {
  const box = canvas.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
}

canvas.addEventListener("pointerdown", (event) => {
  if (event.button !== 0 || !event.isPrimary) return;
  event.stopPropagation(); // or the slider would follow
  event.preventDefault();
  canvas.focus({ preventScroll: true, focusVisible: false });
  canvas.setPointerCapture(event.pointerId);
  moveRing(placeOf(event));
  begin(place);
});
canvas.addEventListener("pointermove", (event) => {
  if (!event.isPrimary) return;
  const events = stroke ? event.getCoalescedEvents?.() ?? [] : [];
  for (const one of events.length ? events : [event]) go(placeOf(one));
});
canvas.addEventListener("pointerup", end);
canvas.addEventListener("pointercancel", () => {
  stroke = null;
  drawStrokes(canvas, chosen, SEEN);
});

// ---------------------------------------------------------------- keys

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const KEYS = { b: ["tool", "brush"], e: ["tool", "eraser"], l: ["tool", "look"], 1: ["size", 0], 2: ["size", 1], 3: ["size", 2], 4: ["size", 3] };

canvas.addEventListener("keydown", (event) => {
  const { key } = event, arrow = ARROWS[key];
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (arrow) {
    if (event.shiftKey && !stroke) begin(place);
    const step = 0.01 * Math.max(canvas.width, canvas.height);
    go([place[0] + (arrow[0] * step) / canvas.width, place[1] + (arrow[1] * step) / canvas.height].map((part) => Math.min(Math.max(part, 0), 1)));
  } else if (key === " " || key === "Enter") {
    begin(place);
    end();
  } else return;
  event.preventDefault();
});
canvas.addEventListener("keyup", (event) => { if (event.key === "Shift") end(); });
canvas.addEventListener("blur", end);

addEventListener("keydown", (event) => {
  const key = event.key.toLowerCase(), isCommand = event.ctrlKey || event.metaKey;
  if (!isPainting() || event.altKey || event.target.matches?.("[type=color], [type=text]")) return;
  if (isCommand && key === "z") event.shiftKey ? redo(chosen) : undo(chosen);
  else if (isCommand && key === "y") redo(chosen);
  else if (!isCommand && key === "escape") { paintOn(false); paintButton.focus(); }
  else if (!isCommand && KEYS[key]) take(...KEYS[key]);
  else return;
  event.preventDefault();
});

function take(name, value) {
  painter.querySelector(`[name="${name}"][value="${value}"]`).checked = true;
  moveRing(place);
}

// ---------------------------------------------------------------- buttons

paintButton.addEventListener("click", () => paintOn(!isPainting()));
painter.addEventListener("change", () => moveRing(place));
undoButton.addEventListener("click", () => undo(chosen));
redoButton.addEventListener("click", () => redo(chosen));
blankButton.addEventListener("click", () => addStroke(chosen, { isBlank: true }));
find(".shown").addEventListener("change", ({ target }) => main.classList.toggle("bare", !target.checked));
saveButton.addEventListener("click", async () => {
  say(mishap, "");
  const link = made("a", "", "");
  const file = await strokesFile(chosen);
  if (!file) return say(mishap, "There is no stroke to save; all have been wiped away.");
  link.href = URL.createObjectURL(file);
  link.download = chosen.name.replace(/.*\//, "").replace(/_colorized\.[^.]*$/, "_strokes.png");
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // when the browser has it
});

/** Do something with the file that was chosen, and show what went wrong. */
async function withFile(input, work) {
  const [file] = input.files;
  input.value = ""; // or the same file could not be chosen again
  say(mishap, "");
  await work(file).catch((failure) => say(mishap, failure.message));
}
strokesInput.addEventListener("change", () => withFile(strokesInput, (file) => loadStrokes(chosen, file)));
referenceInput.addEventListener("change", () => withFile(referenceInput, (file) => refer(chosen, file)));
unreferButton.addEventListener("click", () => refer(chosen, null));

/** Give a photo the colours of another one, or take them away. */
async function refer(photo, file) {
  if (file) await checkFile(file);
  photo.reference = file;
  queueAgain(photo);
  work();
  refresh();
}

addEventListener("pagehide", () => photos.forEach(forget));
