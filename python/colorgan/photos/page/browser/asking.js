/* Requests to the program: to colour a photo once or, while it is being painted on, again and again. */

/** Ask the program to colour a photo, as soon as it has room for it. */
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
  const headers = { Accept: "multipart/form-data" }; // with a preview if the result is a TIFF
  for (;;) {
    const answer = await fetch(url, { method: "POST", body, headers, signal }).catch(away);
    if (answer.ok) return answer;
    const seconds = answer.headers.get("Retry-After");
    if (answer.status !== 503 || !seconds) throw await refusal(answer);
    photo.note = "Other people's photos are being coloured; this one will be sent again in a moment…";
    refresh();
    await new Promise((done) => setTimeout(done, 1000 * seconds));
    signal.throwIfAborted();
  }
}

const away = () => { throw new Unreached("The program behind this page does not answer. Is it still running?"); };

/** Send something for a photo that the program keeps, and the photo itself if it no longer does. */
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

/** Send a photo's reference, unless the program has it; one that is refused is dropped. */
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

/** Ask the program to keep a photo that is about to be painted on, so that the first stroke is quick. */
async function keep(photo) {
  if (photo.kept || request) return;
  request = new AbortController();
  const answer = await send(photo, "photos", photo.file, request.signal).catch(() => null); // the first stroke will show the error
  photo.kept = (await answer?.json().catch(() => null))?.photo ?? null;
  photo.referred = null;
  request = null;
  work();
}

/** Tell the program that a photo is no longer being painted on. */
function forget(photo) {
  if (photo.kept) navigator.sendBeacon(`${HERE}photos/${photo.kept}/forget`);
  photo.kept = null;
}

/** The error in an answer: the program's own line, or one about a proxy in between. */
async function refusal(answer) {
  const content = await answer.json().catch(() => null);
  const line = content?.error ?? `A server between this page and its program answered: ${answer.status} ${answer.statusText}`;
  const isOfAll = content?.error ? [403, 421].includes(answer.status) : answer.status >= 500;
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
  const extras = [photo.strokes?.length && "your strokes", photo.reference && `the colours of ${photo.reference.name}`].filter(Boolean);
  const isAlone = faces === 0 && !whole;
  const done = whole ? "the whole photo is coloured" : faces > 0 ? "and coloured" : extras.length ? "" : "so nothing is coloured yet";
  const first = [found, done].filter(Boolean).join(faces > 0 && whole ? "; " : ", ");
  const sentences = [extras.length ? `${first}${isAlone ? "; the photo has" : ", with"} ${extras.join(" and ")}.` : `${first}.`];
  if (headers.get("X-Was-Color") === "1") sentences.push("Its own colours were not used.");
  if (headers.get("X-Bits")) sentences.push(`Its levels of ${headers.get("X-Bits")} bits were stretched to the full range.`);
  if (headers.get("X-Frames") > 1) sentences.push(`The file holds ${headers.get("X-Frames")} pictures; this is the first.`);
  return sentences.join(" ");
}
