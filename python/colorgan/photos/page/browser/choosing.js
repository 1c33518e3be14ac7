/* What users do: choose photos, drop them, press buttons. */

chooser.addEventListener("change", () => {
  add([...chooser.files].map((file) => ({ file, path: file.name })));
  chooser.value = ""; // or the same files could not be chosen again
});
wholeButton.addEventListener("click", () => recolour([chosen], !chosen.whole));
allButton.addEventListener("click", () => recolour(photos, !isAllWhole()));
againButton.addEventListener("click", () => {
  waitAgain();
  if (!chosen) choose(nextPhoto());
  work();
});
find(".clear").addEventListener("click", () => {
  request?.abort();
  [...photos].forEach(discard);
  choose(null);
});

zipButton.addEventListener("click", async () => {
  zipButton.disabled = true;
  try {
    const files = photos.filter(isReady).map(({ name, result }) => ({ name, blob: result.picture }));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await zipped(files));
    link.download = "colorized.zip";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // when the browser has it
    refresh();
  } catch (failure) {
    say(progress, failure.message);
  }
});

// Ask before losing an album that is being coloured, or what was painted.
addEventListener("beforeunload", (event) => {
  if ((request && photos.length > 1) || photos.some(({ strokes }) => strokes?.length)) event.preventDefault();
});

// ---------------------------------------------------------------- dropping

addEventListener("dragover", (event) => {
  event.preventDefault();
  main.classList.add("dragging");
});
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) main.classList.remove("dragging");
});
addEventListener("drop", async (event) => {
  event.preventDefault();
  main.classList.remove("dragging");
  // All entries at once, as the browser forgets them at the first wait.
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
  const files = [], remarks = [];
  if (!entries.length) remarks.push("That is not a file: save the picture first, then drop the file.");
  for (const entry of entries) {
    const found = entry.isDirectory ? await filesIn(entry) : [await fileOf(entry)];
    files.push(...found);
    if (!found.length) remarks.push(`${entry.name}: holds no photo`);
  }
  add(files, remarks);
});

const HIDDEN = /^\.|^(@eaDir|#recycle|@Recycle|\$RECYCLE\.BIN|__MACOSX)$/i; // previews, deleted files

/** All photos in a folder and those below it, found by their suffixes like in `colorgan colorize`. */
async function filesIn(folder) {
  const reader = folder.createReader();
  const entries = [];
  for (let some; (some = await new Promise((done) => reader.readEntries(done, () => done([])))).length; ) entries.push(...some);
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  const files = [];
  for (const entry of entries.filter(({ name }) => !HIDDEN.test(name))) {
    if (entry.isDirectory) files.push(...(await filesIn(entry)));
    else if (isPhoto(entry.name)) files.push(await fileOf(entry));
  }
  return files;
}

function isPhoto(name) {
  const [, stem, ending] = /^(.*)(\.[^.]*)$/.exec(name.toLowerCase()) ?? [];
  return chooser.accept.split(",").includes(ending) && !stem.endsWith("_colorized");
}

/** A file that was dropped; one that cannot be read comes out empty, which is reported on its turn. */
async function fileOf(entry) {
  const file = await new Promise((done) => entry.file(done, () => done(new File([], entry.name))));
  return { file, path: entry.fullPath.slice(1) };
}
