"use strict";

/* All photos, in the order in which they are coloured and shown. Each has: its `file`; its `path`
   below the folder that was dropped; `whole`, whether to colour all of it; its `state`, "waiting",
   "working", "done" or "failed"; a `note` about what is being done with it; its `result`; `error`,
   the last problem, and `isUnreached`, whether the program could not be reached; the `url` of the
   picture that is shown; its `tile` among the others; the `strokes` painted on it, and those
   `undone`; `reference`, the file of a photo whose colours it gets; and `kept`, the name under which
   the program keeps it for painting, with `referred`, the reference that the program has. */
let photos = [];
let chosen = null; // the one on the stage
let request = null; // the request in progress; there is one photo at a time
let remarks = []; // lines about folders that were dropped

const find = (selector) => document.querySelector(selector);
const [main, chooser] = ["main", "#file"].map(find);

/** The path of the page as a folder; requests go below it, whatever path a proxy adds. */
const HERE = location.pathname.replace(/\/?$/, "/");

/** A problem that any other photo would have, too. */
class Unreached extends Error {}

/** Add photos [{file, path}] to the others, and colour them; show `lines` about them. */
function add(files, lines = []) {
  remarks = lines;
  const whole = isAllWhole();
  const added = files.map((file) => ({ ...file, whole, state: "waiting" }));
  waitAgain();
  photos.filter((photo) => photo.state === "failed").forEach(discard);
  photos.push(...added);
  added.forEach(placeTile);
  if (added.length) choose(added[0]);
  work();
}

/** Colour some photos again: as a whole, or only their faces. */
function recolour(some, whole) {
  for (const photo of some) {
    photo.whole = whole;
    queueAgain(photo);
  }
  work();
}

/** Let a photo wait for its turn again if its result does not match its settings. */
function queueAgain(photo) {
  if (photo.result && photo.state !== "working") photo.state = photo.result.settings === settingsOf(photo) ? "done" : "waiting";
}

/** The settings that a photo's result depends on, as a text. */
const settingsOf = ({ whole, strokes, reference }) => JSON.stringify([whole, strokes ?? [], reference?.name, reference?.lastModified]);

/** Queue the photos that could not be sent before. */
function waitAgain() {
  for (const photo of photos.filter((photo) => photo.isUnreached)) {
    Object.assign(photo, { state: "waiting", isUnreached: false });
  }
}

/** Remove a photo and its results. */
function discard(photo) {
  photos.splice(photos.indexOf(photo), 1);
  forget(photo);
  release(photo);
  photo.tile.remove();
}

/** Free the browser's memory of a photo's pictures. */
function release(photo) {
  URL.revokeObjectURL(photo.url);
  if (photo.result) URL.revokeObjectURL(photo.result.address);
}

/** Colour all photos that wait, one after the other, unless the program cannot be reached. */
async function work() {
  if (request) return;
  let isReached = true;
  for (let photo; isReached && (photo = nextPhoto()); ) {
    request = new AbortController();
    await colour(photo, request.signal);
    request = null;
    isReached = !photo.isUnreached;
  }
  refresh();
}

/** The photo to colour next: the one on the stage, or the first that was not tried before. */
function nextPhoto() {
  const waiting = photos.filter((photo) => photo.state === "waiting");
  return waiting.find((photo) => photo === chosen) ?? waiting.find((photo) => !photo.error) ?? waiting[0];
}

async function colour(photo, signal) {
  const settings = settingsOf(photo);
  photo.note = photo.result && isPainted(photo) ? "Spreading your colours…"
    : photo.whole ? "Colouring the whole photo…" : "Looking for faces and colouring them…";
  photo.state = "working";
  refresh();
  try {
    await checkFile(photo.file);
    const result = { ...(await ask(photo, signal)), settings };
    if (signal.aborted) return;
    photo.error = null;
    await present(photo, result);
  } catch (failure) {
    if (signal.aborted) return;
    photo.error = failure.message;
    photo.isUnreached = failure instanceof Unreached && !photo.result;
    if (photo.result) photo.whole = photo.result.whole;
  }
  photo.state = photo.result ? "done" : "failed";
  if (!photo.error && settingsOf(photo) !== settings) photo.state = "waiting"; // its settings have changed in the meantime
  if (photo.state === "failed" && photo === chosen) choose(nextPhoto() ?? photos.find(({ result }) => result));
  refresh();
}

async function checkFile(file) {
  const start = await file.slice(0, 1).arrayBuffer().catch(() => new ArrayBuffer());
  if (start.byteLength === 0) throw new Error("This file is empty, or cannot be read. Is it a folder?");
  const most = Number(main.dataset.most);
  if (file.size > most) throw new Error(`This file is larger than ${most / 1e6} MB, the limit set by --max-upload-mb.`);
}
