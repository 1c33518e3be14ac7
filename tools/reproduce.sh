#!/usr/bin/env bash
# The main job: sets the project up if need be, packs the faces, trains the paper's model and L2 alone,
# measures both and the released weights, draws the figures, and writes a report, whose path it prints last.
#
#   bash tools/reproduce.sh          a model half as wide, some minutes on 2 cores
#   bash tools/reproduce.sh --full   the paper's model and length: days on a CPU
#
#   CELEBA=path        CelebA as it was downloaded: the folder with img_align_celeba.zip, or its images, and
#                      list_eval_partition.txt or .csv; or the zip itself, with the list in it or beside it
#                      (default: faces drawn by a program)
#   TEST_PARTITION=n   the partition of CelebA that the faces measured on come from (default: 2, or 1 if no
#                      image is of partition 2)
#   ITERATIONS=n       updates of each training (default: 600, with --full the solver's 20,000)
#   BATCH_SIZE=n       faces an iteration (default: 4, with --full the net's 64)
#   DATA=folder        where faces are drawn and packed (default: data)
#   OUT=folder         where runs and report go (default: runs/reproduce)
#   GPU=n              train on this GPU; Caffe is built with CUDA
#
# Safe to run again: what is done is kept, an interrupted training goes on. Ctrl-C and SIGTERM stop it; a
# training takes a snapshot first.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@" # as with `sh tools/reproduce.sh`
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=tools/caffe/common.sh
source "$root/tools/caffe/common.sh"
unset PYTHONHOME PYTHONPATH # another Caffe, say, for other programs

full=
for argument in "$@"; do
  case $argument in
    --full) full=yes ;;
    -h | --help) sed -n '2,/^\[/{s/^# \{0,1\}//;/^\[/!p}' "${BASH_SOURCE[0]}"; exit ;;
    *) die "$argument: unknown; the one option is --full" ;;
  esac
done
for name in GPU ITERATIONS BATCH_SIZE TEST_PARTITION; do # before set-up and packing, which take long
  [[ ${!name:-} =~ ^[0-9]*$ ]] || die "$name=${!name}: must be a whole number, or not set"
done
[[ -z ${CELEBA:-} ]] || CELEBA=$(realpath -e -- "$CELEBA" 2> /dev/null) || die "CELEBA: no such file or folder"
out=$(realpath -m -- "${OUT:-$root/runs/reproduce}")
packed=${DATA:+$(realpath -m -- "$DATA")}
packed=${packed:-data}
trap 'exit 143' TERM # once the program that runs, which is sent it as well, has ended

cd "$root"
[[ -z ${GPU:-} ]] || export CUDA=1
bash tools/setup.sh
colorgan=.venv/bin/colorgan
for folder in "$out" "$packed"; do
  mkdir -p -- "$folder" 2> /dev/null && [[ -w $folder ]] || die "$folder cannot be written to by user $(id -u)"
done

# The test set begins with faces on which the best snapshot is chosen; those after them are measured.
if [[ -n ${CELEBA:-} ]]; then
  images=$CELEBA data=$packed/celeba partition=$CELEBA test_partition=${TEST_PARTITION:-}
  validation_faces=1044 test_faces=2044 notes=() # as the experiments have them
else
  drawn=$packed/sample_faces data=$packed/sample
  images=$drawn/img_align_celeba partition=$drawn/list_eval_partition.txt test_partition=
  validation_faces=40 test_faces=100
  notes=("--note=The faces are drawn by a program, not photographs: what is learned here shows that the \
software works, not how well the paper's method colours people. CELEBA=path trains on CelebA.")
  $colorgan make-sample-faces --out "$drawn"
fi

if [[ ! -f $data/manifest.json ]]; then
  $colorgan build-lmdb --images "$images" --partition "$partition" --out "$data" \
    ${test_partition:+"--test-partition=$test_partition"} --test-count $test_faces
elif .venv/bin/python - "$data/manifest.json" "$images" "$test_partition" << 'PYTHON'; then
import json
import sys

with open(sys.argv[1]) as file:
    manifest = json.load(file)
partition = str(manifest["options"]["test_partition"])
sys.exit(manifest["source"]["images"] != sys.argv[2] or sys.argv[3] not in ("", partition))
PYTHON
  say "$data is there already"
else
  die "$data holds other faces than these: remove it"
fi

# Of few test faces, as in a part of CelebA, half.
tested=$(.venv/bin/python -c 'import json, sys; print(json.load(open(sys.argv[1]))["splits"]["test"]["written"])' \
  "$data/manifest.json")
((tested > validation_faces)) || validation_faces=$(((tested + 1) / 2))
((tested > validation_faces)) || die "$data: $tested test faces are too few; give more images in CELEBA"

device=(${GPU:+"--gpu=$GPU"})
options=("--data=$data" "--validation-faces=$validation_faces" "${device[@]}")
if [[ -z $full ]]; then
  # Half the maps, and small batches: on a CPU, more updates teach more than larger ones.
  options+=(--generator prototxt/generator_small.prototxt --validate-every 100 --snapshot-every 100)
  : "${ITERATIONS:=600}" "${BATCH_SIZE:=4}"
fi
options+=(${ITERATIONS:+"--iterations=$ITERATIONS"} ${BATCH_SIZE:+"--batch-size=$BATCH_SIZE"})

# Trains in mode $1, or goes on with a training that was begun.
train() {
  local run=$out/$1 resume=()
  [[ ! -f $run/config.json ]] || resume=(--resume)
  say "training: $1"
  $colorgan train --mode "$1" --out "$run" "${options[@]}" "${resume[@]}"
}

weights() { echo "$out/$1/snapshots/best/generator.caffemodel"; }

# Whether $1 was made of these weights and these faces: after both of them.
is_done() { [[ $1 -nt $2 && $1 -nt $data/manifest.json ]]; }

# Measures the weights $1 into folder $2.
evaluate() {
  is_done "$2/metrics.json" "$1" || $colorgan evaluate --weights "$1" --data "$data" --out "$2" \
    --skip $validation_faces "${device[@]}"
}

for mode in gan l2; do
  train $mode
  evaluate "$(weights $mode)" "$out/$mode/evaluation"
done
$colorgan figures --data "$data" --weights "$(weights gan)" --l2-weights "$(weights l2)" \
  --run "$out/gan" --l2-run "$out/l2" --skip $validation_faces --out "$out/figures"

released=()
shopt -s nullglob
for file in data/weights/*.caffemodel; do
  name=$(basename "$file" .caffemodel)
  say "released weights: $name"
  evaluate "$file" "$out/released/$name/evaluation"
  is_done "$out/released/$name/figures/figure4b.png" "$file" \
    || $colorgan figures --data "$data" --weights "$file" --skip $validation_faces \
      --out "$out/released/$name/figures"
  released+=("--released=$name=$out/released/$name")
done

$colorgan report --run "$out/gan" --evaluation "$out/gan/evaluation" \
  --l2-run "$out/l2" --l2-evaluation "$out/l2/evaluation" \
  --data "$data" --figures "$out/figures" "${released[@]}" "${notes[@]}" --out "$out/report.html"
