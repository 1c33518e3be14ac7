"use strict";

/* All photos, in the order in which they are coloured and shown. Of each: its `file`; its `path`
   below the folder that was dropped; `whole`, whether all of it is to be coloured; its `state`,
   "waiting", "working", "done" or "failed"; a `note` of what is done with it; its `result`; `error`,
   what went wrong last, and `isUnreached`, whether that was on the way to the program; the `url` of
   what is shown of it; and its `tile` among the others. */
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
    if (photo.result && photo.state !== "working") photo.state = photo.result.whole === whole ? "done" : "waiting";
  }
  work();
}

/** Colour what could not be sent before. */
function waitAgain() {
  for (const photo of photos.filter((photo) => photo.isUnreached)) {
    Object.assign(photo, { state: "waiting", isUnreached: false });
  }
}

/** Forget a photo and all that came of it. */
function discard(photo) {
  photos.splice(photos.indexOf(photo), 1);
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
  const { whole } = photo;
  photo.note = whole ? "Colouring the whole photo…" : "Looking for faces and colouring them…";
  photo.state = "working";
  tell();
  try {
    await checkFile(photo.file);
    const result = await ask(photo, whole, signal);
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
  if (!photo.error && photo.whole !== whole) photo.state = "waiting"; // it was changed meanwhile
  if (photo.state === "failed" && photo === chosen) choose(nextPhoto() ?? photos.find(({ result }) => result));
  tell();
}

async function checkFile(file) {
  const start = await file.slice(0, 1).arrayBuffer().catch(() => new ArrayBuffer());
  if (start.byteLength === 0) throw new Error("This file is empty, or cannot be read. Is it a folder?");
  const most = Number(main.dataset.most);
  if (file.size > most) throw new Error(`This file is larger than ${most / 1e6} MB, the most that is taken (--max-upload-mb).`);
}

/** Have the program colour a photo, as soon as it has room for it. */
async function ask(photo, whole, signal) {
  const address = `${HERE}colorize${whole ? "?whole=1" : ""}`;
  const headers = { Accept: "multipart/form-data" }; // with something to show where that is a TIFF
  const away = () => { throw new Unreached("The program behind this page does not answer. Is it still running?"); };
  for (;;) {
    const answer = await fetch(address, { method: "POST", body: photo.file, headers, signal }).catch(away);
    if (answer.ok) return resultFrom(answer.headers, await answer.formData().catch(away), whole);
    const seconds = answer.headers.get("Retry-After");
    if (answer.status !== 503 || !seconds) throw await refusal(answer);
    photo.note = "Other people's photos are in work; this one is sent again in a moment…";
    tell();
    await new Promise((done) => setTimeout(done, 1000 * seconds));
    signal.throwIfAborted();
  }
}

/** The error that an answer tells of: the program's own words, or what stands in between. */
async function refusal(answer) {
  const told = await answer.json().catch(() => null);
  const line = told?.error ?? `What stands between this page and its program answers: ${answer.status} ${answer.statusText}`;
  const isOfAll = told?.error ? [403, 421].includes(answer.status) : answer.status >= 500;
  return isOfAll ? new Unreached(line) : new Error(line);
}

function resultFrom(headers, form, whole) {
  const picture = form.get("picture");
  const faces = Number(headers.get("X-Faces"));
  return {
    picture, whole, faces,
    address: URL.createObjectURL(picture),
    shown: form.get("preview") ?? picture,
    isColoured: faces > 0 || whole,
    middle: Number(headers.get("X-Middle")),
    line: summary(faces, whole, headers),
  };
}

function summary(faces, whole, headers) {
  const found = faces === 0 ? "No face was found" : faces === 1 ? "One face was found" : `${faces} faces were found`;
  const done = whole ? "the whole photo is coloured" : faces === 0 ? "so nothing is coloured yet" : "and coloured";
  const sentences = [faces === 0 || !whole ? `${found}, ${done}.` : `${found}; ${done}.`];
  if (headers.get("X-Was-Color") === "1") sentences.push("Its own colours were not used.");
  if (headers.get("X-Bits")) sentences.push(`Its levels of ${headers.get("X-Bits")} bits were brought to the full range.`);
  if (headers.get("X-Frames") > 1) sentences.push(`The file holds ${headers.get("X-Frames")} pictures; this is the first.`);
  return sentences.join(" ");
}
