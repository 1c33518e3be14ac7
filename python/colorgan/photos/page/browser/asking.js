/* What is asked of the program: to colour a photo, once or, while it is painted on, again and again. */

/** Have the program colour a photo, as soon as it has room for it. */
async function ask(photo, signal) {
  const { whole } = photo;
  if (!isPainted(photo)) return resultOf(await send(photo, "colorize", photo.file, signal), photo, whole);
  const strokes = await strokesFile(photo);
  return resultOf(await sendKept(photo, "", strokes, signal), photo, whole);
}

const isPainted = ({ strokes, reference }) => Boolean(strokes?.length || reference);

/** Send a body to an address of the program; returns its answer. */
async function send(photo, address, body, signal) {
  const url = `${HERE}${address}${photo.whole ? "?whole=1" : ""}`;
  const headers = { Accept: "multipart/form-data" }; // with something to show where that is a TIFF
  for (;;) {
    const answer = await fetch(url, { method: "POST", body, headers, signal }).catch(away);
    if (answer.ok) return answer;
    const seconds = answer.headers.get("Retry-After");
    if (answer.status !== 503 || !seconds) throw await refusal(answer);
    photo.note = "Other people's photos are in work; this one is sent again in a moment…";
    tell();
    await new Promise((done) => setTimeout(done, 1000 * seconds));
    signal.throwIfAborted();
  }
}

const away = () => { throw new Unreached("The program behind this page does not answer. Is it still running?"); };

/** Send something for a photo that the program keeps; the photo itself only if it does so no more. */
async function sendKept(photo, address, body, signal) {
  for (let isNew = false; ; ) {
    if (!photo.kept) {
      isNew = true;
      photo.kept = (await (await send(photo, "photos", photo.file, signal)).json()).photo;
      photo.referred = null;
    }
    try {
      await sendReference(photo, signal);
      return await send(photo, `photos/${photo.kept}${address}`, body, signal);
    } catch (failure) {
      if (!failure.isGone || isNew) throw failure;
      photo.kept = null;
    }
  }
}

/** Tell the program whose colours a photo gets, unless it knows; one that cannot be taken is dropped. */
async function sendReference(photo, signal) {
  const reference = photo.reference ?? null;
  if (photo.referred === reference) return;
  try {
    await send(photo, `photos/${photo.kept}/reference`, reference ?? "", signal);
  } catch (failure) {
    if (failure.isGone || failure instanceof Unreached) throw failure;
    photo.reference = photo.referred;
    throw new Error(failure.message.replace("This file", reference?.name));
  }
  photo.referred = reference;
}

/** Have the program keep a photo that is about to be painted on, so that the first stroke is quick. */
async function keep(photo) {
  if (photo.kept || request) return;
  request = new AbortController();
  const answer = await send(photo, "photos", photo.file, request.signal).catch(() => null); // the first stroke tells
  photo.kept = (await answer?.json().catch(() => null))?.photo ?? null;
  photo.referred = null;
  request = null;
  work();
}

/** Tell the program that a photo is painted on no more. */
function forget(photo) {
  if (photo.kept) navigator.sendBeacon(`${HERE}photos/${photo.kept}/forget`);
  photo.kept = null;
}

/** The error that an answer tells of: the program's own words, or what stands in between. */
async function refusal(answer) {
  const told = await answer.json().catch(() => null);
  const line = told?.error ?? `What stands between this page and its program answers: ${answer.status} ${answer.statusText}`;
  const isOfAll = told?.error ? [403, 421].includes(answer.status) : answer.status >= 500;
  const error = isOfAll ? new Unreached(line) : new Error(line);
  return Object.assign(error, { isGone: answer.status === 410 });
}

async function resultOf(answer, photo, whole) {
  const { headers } = answer;
  const form = await answer.formData().catch(away);
  const picture = form.get("picture");
  const faces = Number(headers.get("X-Faces"));
  const painted = isPainted(photo);
  return {
    picture, whole, faces,
    address: URL.createObjectURL(picture),
    shown: form.get("preview") ?? picture,
    isColoured: faces > 0 || whole || painted,
    middle: Number(headers.get("X-Middle")),
    line: summary(faces, whole, photo, headers),
  };
}

function summary(faces, whole, photo, headers) {
  const found = faces === 0 ? "No face was found" : faces === 1 ? "One face was found" : `${faces} faces were found`;
  const said = [photo.strokes?.length && "your strokes", photo.reference && `the colours of ${photo.reference.name}`].filter(Boolean);
  const isAlone = faces === 0 && !whole;
  const done = whole ? "the whole photo is coloured" : faces > 0 ? "and coloured" : said.length ? "" : "so nothing is coloured yet";
  const first = [found, done].filter(Boolean).join(faces > 0 && whole ? "; " : ", ");
  const sentences = [said.length ? `${first}${isAlone ? "; it has" : ", with"} ${said.join(" and ")}.` : `${first}.`];
  if (headers.get("X-Was-Color") === "1") sentences.push("Its own colours were not used.");
  if (headers.get("X-Bits")) sentences.push(`Its levels of ${headers.get("X-Bits")} bits were brought to the full range.`);
  if (headers.get("X-Frames") > 1) sentences.push(`The file holds ${headers.get("X-Frames")} pictures; this is the first.`);
  return sentences.join(" ");
}
