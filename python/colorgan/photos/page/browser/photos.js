"use strict";

/* All photos, in the order in which they are coloured and shown. Of each: its `file`; its `path`
   below the folder that was dropped; `whole`, whether all of it is to be coloured; its `state`,
   "waiting", "working", "done" or "failed"; a `note` of what is done with it; its `result`; `error`,
   what went wrong last, and `isUnreached`, whether that was on the way to the program; the `url` of
   what is shown of it; its `tile` among the others; what is painted on it, its `strokes` and those
   `undone`; `reference`, the file of a photo whose colours it gets; and `kept`, under which name the
   program keeps it while it is painted on, with `referred`, the reference that it has. */
let photos = [];
let chosen = null; // the one that is looked at
let request = null; // what is asked of the program, for one photo at a time
let remarks = []; // what there is to say of folders that were dropped

const find = (selector) => document.querySelector(selector);
const [main, chooser] = ["main", "#file"].map(find);

/** The page's own address as a folder: below it is what is asked for, whatever stands before. */
const HERE = location.pathname.replace(/\/?$/, "/");

/** What would happen to any other photo, too. */
class Unreached extends Error {}

/** Add photos [{file, path}] to the others, and colour them; say what there is to say of them. */
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

/** Colour some photos anew: as a whole, or their faces alone. */
function recolour(some, whole) {
  for (const photo of some) {
    photo.whole = whole;
    askAnew(photo);
  }
  work();
}

/** Have a photo wait for its turn again if its result is not as it is wished. */
function askAnew(photo) {
  if (photo.result && photo.state !== "working") photo.state = photo.result.wish === wishOf(photo) ? "done" : "waiting";
}

/** What a photo's result depends on, as a text. */
const wishOf = ({ whole, strokes, reference }) => JSON.stringify([whole, strokes ?? [], reference?.name, reference?.lastModified]);

/** Colour what could not be sent before. */
function waitAgain() {
  for (const photo of photos.filter((photo) => photo.isUnreached)) {
    Object.assign(photo, { state: "waiting", isUnreached: false });
  }
}

/** Forget a photo and all that came of it. */
function discard(photo) {
  photos.splice(photos.indexOf(photo), 1);
  forget(photo);
  release(photo);
  photo.tile.remove();
}

/** Have the browser forget the pictures of a photo. */
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
  tell();
}

/** The photo to colour next: the one that is looked at, or the first that was not tried before. */
function nextPhoto() {
  const waiting = photos.filter((photo) => photo.state === "waiting");
  return waiting.find((photo) => photo === chosen) ?? waiting.find((photo) => !photo.error) ?? waiting[0];
}

async function colour(photo, signal) {
  const wish = wishOf(photo);
  photo.note = photo.result && isPainted(photo) ? "Your colours spread…"
    : photo.whole ? "Colouring the whole photo…" : "Looking for faces and colouring them…";
  photo.state = "working";
  tell();
  try {
    await checkFile(photo.file);
    const result = { ...(await ask(photo, signal)), wish };
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
  if (!photo.error && wishOf(photo) !== wish) photo.state = "waiting"; // it was changed meanwhile
  if (photo.state === "failed" && photo === chosen) choose(nextPhoto() ?? photos.find(({ result }) => result));
  tell();
}

async function checkFile(file) {
  const start = await file.slice(0, 1).arrayBuffer().catch(() => new ArrayBuffer());
  if (start.byteLength === 0) throw new Error("This file is empty, or cannot be read. Is it a folder?");
  const most = Number(main.dataset.most);
  if (file.size > most) throw new Error(`This file is larger than ${most / 1e6} MB, the most that is taken (--max-upload-mb).`);
}
