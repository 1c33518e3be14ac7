/* The strokes painted on a photo, which are kept as lines, and drawn on a canvas over the photo.

   Each has a `color`, or none if it wipes others away; its `size`, as a fraction of the photo's longer
   side; and its `points` [x, y], as fractions of width and height. Loaded strokes are one `image`;
   `isBlank` clears everything before it. */

const SEEN = 1600, SENT = 640; // pixels a side: over the photo, and in files, where more makes no colour finer

/** Draw all strokes of a photo whose `size` is known, with the `longest` side in pixels at most. */
function drawStrokes(canvas, { strokes, size }, longest) {
  const scale = Math.min(1, longest / Math.max(size.width, size.height));
  canvas.width = Math.max(1, Math.round(size.width * scale));
  canvas.height = Math.max(1, Math.round(size.height * scale));
  for (const stroke of strokes ?? []) drawStroke(canvas, stroke);
  return canvas;
}

function drawStroke(canvas, { color, size, points, image, isBlank }) {
  const { width, height } = canvas;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.globalCompositeOperation = color || image ? "source-over" : "destination-out";
  if (image) return context.drawImage(image, 0, 0, width, height);
  if (isBlank) return context.fillRect(0, 0, width, height);
  Object.assign(context, { lineCap: "round", lineJoin: "round", strokeStyle: color ?? "#000" });
  context.lineWidth = Math.max(2, size * Math.max(width, height));
  context.beginPath();
  for (const [x, y] of [points[0], ...points]) context.lineTo(x * width, y * height); // one alone is a dot
  context.stroke();
}

/** The strokes of a photo as a PNG; an empty string if all of them were wiped away. */
async function strokesFile(photo) {
  const drawn = drawStrokes(document.createElement("canvas"), photo, SENT);
  return isEmpty(drawn) ? "" : new Promise((done) => drawn.toBlob(done, "image/png"));
}

/** Whether nothing on a canvas would count as a stroke. */
function isEmpty(canvas) {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  for (let at = 3; at < data.length; at += 4) if (data[at] > 127) return false;
  return true;
}

/** Add a stroke, and colour the photo with it. */
function addStroke(photo, stroke) {
  photo.strokes = [...(photo.strokes ?? []), stroke];
  photo.undone = [];
  repaint(photo);
}

/** Take back the last stroke, or repeat the one taken back last. */
function undo(photo) {
  if (!photo.strokes?.length) return;
  photo.undone = [...(photo.undone ?? []), photo.strokes.at(-1)];
  photo.strokes = photo.strokes.slice(0, -1);
  repaint(photo);
}
function redo(photo) {
  if (!photo.undone?.length) return;
  photo.strokes = [...photo.strokes, photo.undone.at(-1)];
  photo.undone = photo.undone.slice(0, -1);
  repaint(photo);
}

function repaint(photo) {
  if (photo === chosen) drawStrokes(canvas, photo, SEEN);
  queueAgain(photo);
  work();
  refresh();
}

/** Load a picture of strokes, saved here or painted elsewhere. */
async function loadStrokes(photo, file) {
  const image = await createImageBitmap(file).catch(() => null);
  if (!image) throw new Error(`${file.name}: is not a picture that can be read.`);
  const { width, height } = photo.size;
  if (Math.abs(image.height * width - image.width * height) > Math.max(width, height, image.width, image.height)) {
    throw new Error(`${file.name}: its ${image.width} x ${image.height} pixels do not have the photo's proportions, ${width} x ${height}.`);
  }
  const stroke = { image, loaded: performance.now() };
  if (isEmpty(drawStrokes(document.createElement("canvas"), { ...photo, strokes: [stroke] }, SENT))) {
    throw new Error(`${file.name}: holds no stroke; all of it is transparent.`);
  }
  addStroke(photo, stroke);
}
