/** A zip archive of files {name, blob}, stored uncompressed, as pictures would not get smaller. */
async function zipped(files) {
  const [time, date] = dosTime(new Date());
  const parts = [], directory = [];
  let at = 0;
  for (const { name, blob } of files) {
    const path = new TextEncoder().encode(name);
    const crc = checksum(new Uint8Array(await blob.arrayBuffer()));
    // Version 2.0; names in UTF-8; no compression; then time, checksum, sizes, and no extra field.
    const about = [[20, 2], [0x0800, 2], [0, 2], [time, 2], [date, 2], [crc, 4],
      [blob.size, 4], [blob.size, 4], [path.length, 2], [0, 2]];
    parts.push(record(0x04034b50, about), path, blob);
    directory.push(record(0x02014b50, [[20, 2], ...about, [0, 2], [0, 2], [0, 2], [0, 4], [at, 4]]), path);
    at += 30 + path.length + blob.size;
  }
  const length = directory.reduce((sum, part) => sum + part.length, 0);
  if (at + length > 0xffffffff) throw new Error("The photos are more than 4 GB, too much for one zip; download them one by one.");
  const count = files.length;
  const end = record(0x06054b50, [[0, 2], [0, 2], [count, 2], [count, 2], [length, 4], [at, 4], [0, 2]]);
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}

/** A record of a zip: its signature and fields [value, bytes], lowest byte first. */
function record(signature, fields) {
  const bytes = [];
  for (const [value, size] of [[signature, 4], ...fields]) {
    for (let byte = 0; byte < size; byte++) bytes.push((value >>> (8 * byte)) & 255);
  }
  return Uint8Array.from(bytes);
}

/** A time of day and a date in the format of zips, in steps of two seconds. */
function dosTime(date) {
  return [
    (date.getHours() << 11) | (date.getMinutes() << 5) | (date.getSeconds() >> 1),
    ((date.getFullYear() - 1980) << 9) | ((date.getMonth() + 1) << 5) | date.getDate(),
  ];
}

const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? (byte >>> 1) ^ 0xedb88320 : byte >>> 1;
  return byte;
});

/** The CRC-32 of bytes. */
function checksum(bytes) {
  let crc = -1;
  for (let at = 0; at < bytes.length; at++) crc = CRC[(crc ^ bytes[at]) & 255] ^ (crc >>> 8);
  return (crc ^ -1) >>> 0;
}
