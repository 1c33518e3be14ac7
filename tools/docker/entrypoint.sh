#!/usr/bin/env bash
# The entry point of the images that the Dockerfile makes: `colorgan` and its sub-commands, or what starts colorgan
# several times, MPICH's mpirun or Open MPI's mpirun.openmpi. Without one, or with options alone, it is reproduce.
#
# Started as root, it becomes the owner of the working folder, which is /runs unless docker run -w names
# another, and drops what root may do beyond that: results belong to whom the mounted folder belongs to.
# Started as another user (docker run --user), it stays that user.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

has_capabilities() { grep -qE '^CapEff:\s*0*[1-9a-f]' /proc/self/status; }

# Runs the entry point anew, without capabilities.
become_owner_of_working_folder() {
  local owner
  owner=$(stat -c '%u %g' .)
  exec setpriv --reuid="${owner% *}" --regid="${owner#* }" --clear-groups --no-new-privs \
    --bounding-set=-all --inh-caps=-all "${BASH_SOURCE[0]}" "$@"
}

main() {
  case ${1-} in
    -h | --help | --version) ;;
    '' | -*) set -- reproduce "$@" ;;
  esac
  if [[ $(id -u) == 0 ]] && has_capabilities; then
    become_owner_of_working_folder "$@"
  fi
  if [[ $1 == mpirun || $1 == mpirun.openmpi ]]; then # which finds colorgan by PATH
    export PATH=$root/.venv/bin:$PATH
    exec "$@"
  fi
  [[ $1 != demo ]] || set -- demo --host 0.0.0.0 "${@:2}" # docker run -p says who reaches it
  exec "$root/.venv/bin/colorgan" "$@"
}

main "$@"
