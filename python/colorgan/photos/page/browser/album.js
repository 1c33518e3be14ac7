/* The texts about each photo and about all of them, and the small pictures to choose from. */

const [status, download, wholeButton] = [".status", ".download", ".whole"].map(find);
const [alarm, errors, againButton] = [".alarm", ".errors", ".again"].map(find);
const [album, tiles, progress, bar] = [".album", ".tiles", ".progress", "progress"].map(find);
const [zipButton, allButton] = [".zip", ".all"].map(find);

const FORMATS = { "image/jpeg": "JPEG", "image/png": "PNG", "image/tiff": "TIFF", "image/webp": "WebP" };

/** Update all texts and buttons. */
function refresh() {
  const complaints = photos.filter((photo) => photo.error).map(complaint);
  main.dataset.state = chosen?.state ?? (complaints.length ? "failed" : "empty");
  main.classList.toggle("fresh", !chosen?.result);
  main.classList.toggle("many", photos.length > 1);
  stage.hidden = !chosen;
  drop.hidden = !stage.hidden;
  album.hidden = photos.length < 2;
  list([...remarks, ...complaints]);
  againButton.hidden = Boolean(request) || !photos.some((photo) => photo.isUnreached);
  if (chosen) refreshChosen();
  if (!album.hidden) refreshAlbum();
}

function refreshChosen() {
  const { state, result, note, name } = chosen;
  say(status, { waiting: "This photo is waiting for its turn.", working: note }[state] ?? result?.line ?? "");
  download.hidden = !result?.isColoured;
  refreshPainter();
  if (!result) return;
  download.href = result.address;
  download.download = name.replace(/.*\//, "");
  say(download, `Download ${FORMATS[result.picture.type]}`);
  wholeButton.hidden = result.whole && result.faces === 0;
  wholeButton.classList.toggle("main", !result.isColoured);
  say(wholeButton, chosen.whole ? "Colour only the faces" : "Colour the whole photo");
}

function refreshAlbum() {
  const count = (matches) => photos.filter(matches).length;
  const [coloured, gray, failed] = [isReady, ({ result }) => result && !result.isColoured, ({ state }) => state === "failed"].map(count);
  const left = count(({ state }) => state === "waiting" || state === "working");
  const total = photos.length;
  const parts = [[coloured, "coloured"], [gray, "without a face"], [failed, "failed"]];
  const sum = parts.filter(([number]) => number).map(([number, word]) => `${number} ${word}`).join(", ");
  const begun = `${total - left + 1} of ${total}`;
  say(progress, request ? `Photo ${begun}…` : left ? `Stopped before photo ${begun}.` : `${total} photos: ${sum}.`);
  bar.max = total;
  bar.value = total - left;
  bar.hidden = !left;
  zipButton.disabled = !coloured;
  say(allButton, isAllWhole() ? "Colour only the faces in all" : "Colour all photos as a whole");
  photos.forEach(refreshTile);
}

const isReady = ({ result }) => Boolean(result?.isColoured);
const isAllWhole = () => photos.length > 1 && photos.every(({ whole }) => whole);

/** Set a text unless it is already there, so that screen readers only read it once. */
function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** What went wrong with a photo, in one line. */
function complaint({ path, error, isUnreached }) {
  if (error.startsWith("This file")) return path + error.slice("This file".length);
  return isUnreached ? error : `${path}: ${error}`;
}

/** List what went wrong; lines that are already listed stay, so that they are not read again. */
function list(lines) {
  alarm.hidden = !lines.length;
  const shown = [...errors.children].map((item) => item.textContent);
  const isMore = shown.every((line, at) => line === lines[at]);
  if (!isMore) errors.replaceChildren();
  for (const line of lines.slice(isMore ? shown.length : 0)) errors.append(made("li", "", line));
}

function made(tag, name, text) {
  const element = document.createElement(tag);
  element.className = name;
  element.textContent = text;
  return element;
}

// ---------------------------------------------------------------- the small pictures

/** Give a photo its tile: a radio button that looks like the photo. */
function placeTile(photo) {
  const radio = made("input", "unseen", "");
  Object.assign(radio, { type: "radio", name: "photo" });
  radio.addEventListener("change", () => {
    choose(photo);
    frame.scrollIntoView({ block: "nearest" }); // on a phone it is far up the page
  });
  photo.tile = made("label", "tile", "");
  photo.tile.title = photo.path;
  photo.tile.append(radio, document.createElement("canvas"), made("span", "name", photo.path.replace(/.*\//, "")), made("span", "word", ""));
  tiles.append(photo.tile);
}

function refreshTile(photo) {
  const { tile, state, result } = photo;
  const done = isReady(photo) ? "coloured" : "no face";
  tile.dataset.state = state;
  tile.querySelector("input").disabled = state === "failed";
  tile.classList.toggle("noted", state === "failed" || (state === "done" && !isReady(photo)));
  say(tile.querySelector(".word"), { waiting: "waiting", working: "working", failed: "failed" }[state] ?? done);
}

const TILE = 192; // pixels of the longer side

/** Keep only a small copy, as full-sized photos would fill the memory. */
function drawTile({ tile, result }, picture) {
  const canvas = tile.querySelector("canvas");
  const { naturalWidth: width, naturalHeight: height } = picture;
  const scale = Math.min(1, TILE / Math.max(width, height));
  canvas.width = Math.max(1, width * scale);
  canvas.height = Math.max(1, height * scale);
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  if (width) context.drawImage(picture, 0, 0, canvas.width, canvas.height);
}

// ---------------------------------------------------------------- the files of the results

const LONGEST_NAME = 255; // bytes, in nearly all file systems

/** A unique name for a result, with its photo's folder; the same as in `colorgan colorize`. */
function nameFor(path, picture) {
  const [, folder, stem, , ending] = /^(.*\/)?(.+?)(\.([^.]*))?$/.exec(path.replace(/[\\:*?"<>|\u0000-\u001f]/g, "_"));
  const end = `_colorized${/\.[^.]*$/.exec(picture)[0]}`;
  const taken = new Set(photos.map(({ name }) => name && plain(name)));
  for (let number = 0; ; number++) {
    const more = number === 0 ? "" : number === 1 ? `_${(ending ?? "1").toLowerCase()}` : `_${number}`;
    const name = (folder ?? "") + shortened(stem + more, LONGEST_NAME - end.length) + end;
    if (!taken.has(plain(name))) return name;
  }
}

/** A name as seen by file systems that ignore case, or the two encodings of a letter. */
const plain = (name) => name.normalize("NFC").toLowerCase();

/** As many letters of a name as there is room for, and no part of another. */
function shortened(name, room) {
  const bytes = new TextEncoder().encode(name);
  return bytes.length <= room ? name : new TextDecoder().decode(bytes.subarray(0, room), { stream: true });
}
