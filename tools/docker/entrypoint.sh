#!/usr/bin/env bash
# The entry point of the images that the Dockerfile makes: each program of the project is a sub-command.
# Without one, or with options alone, it is reproduce. --help lists them.
#
# Started as root, it becomes the owner of the working folder, which is /runs unless docker run -w names
# another, and drops what root may do beyond that: results belong to whom the mounted folder belongs to.
# Started as another user (docker run --user), it stays that user.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# Sub-command, program, what it does.
programs() {
  cat << 'TABLE'
reproduce          tools/reproduce.sh          train, measure, draw figures, report (the default)
train              python/train_gan.py         train the generator, against D or on L2 alone
evaluate           python/evaluate.py          measure a trained generator on the test faces
analyze-errors     python/analyze_errors.py    tell on which faces a generator fails
figures            python/make_figures.py      draw the paper's figures, and training curves
report             python/make_report.py       write a reproduction's report
colorize           python/colorize.py          colour the faces in photographs and videos
demo               python/demo.py              the same on a page in the browser, port 8064
build-lmdb         tools/build_lmdb.py         pack CelebA for training
make-sample-faces  tools/make_sample_faces.py  draw faces that stand in for CelebA
experiments        tools/run_experiments.py    run the experiments of the README by name
release-weights    tools/release_weights.py    put trained weights where the others are
show-photos        tools/show_photos.py        draw two portraits: gray, coloured, original
measure-detection  tools/measure_detection.py  measure how surely faces are found
bench-train        tools/bench_train.py        measure how fast training is
bench-colorize     tools/bench_colorize.py     measure how fast colouring is
bench-lmdb         tools/bench_lmdb.py         measure how fast packing is
test               tools/test.sh               run the tests and the linter
TABLE
}

usage() {
  cat << 'TEXT'
usage: docker run --rm -v "$PWD/runs:/runs" IMAGE [COMMAND] [ARGUMENT ...]

Results go to /runs, which is also the working folder. The commands; COMMAND --help tells more:

TEXT
  programs | while read -r name _ what; do printf '  %-18s %s\n' "$name" "$what"; done
}

has_capabilities() { grep -qE '^CapEff:\s*0*[1-9a-f]' /proc/self/status; }

# Runs the entry point anew, without capabilities.
become_owner_of_working_folder() {
  local owner
  owner=$(stat -c '%u %g' .)
  exec setpriv --reuid="${owner% *}" --regid="${owner#* }" --clear-groups --no-new-privs \
    --bounding-set=-all --inh-caps=-all "${BASH_SOURCE[0]}" "$@"
}

main() {
  local program
  case ${1-} in
    -h | --help | help)
      usage
      return
      ;;
    '' | -*) set -- reproduce "$@" ;;
  esac
  program=$(programs | awk -v name="$1" '$1 == name { print $2 }')
  if [[ -z $program ]]; then
    echo "colorgan: error: $1: no such command; --help lists them" >&2
    return 2
  fi
  if [[ $(id -u) == 0 ]] && has_capabilities; then
    become_owner_of_working_folder "$@"
  fi
  [[ $1 != demo ]] || set -- demo --host 0.0.0.0 "${@:2}" # docker run -p says who reaches it
  case $program in
    *.sh) exec bash "$root/$program" "${@:2}" ;;
    *.py) exec "$root/.venv/bin/python" "$root/$program" "${@:2}" ;;
  esac
}

main "$@"
