# shellcheck shell=sh
# Gets the published program of this release, for bin/hoop-buildpack, which reads this file where the buildpack has no
# program in it. Uses its ${root}, ${arch}, arguments and `fail`; leaves ${program} empty where nothing was
# published.
#
# What libexec/release says is the only thing that is trusted: at each use, no byte is started that does not have its
# digest. So it does not matter who runs the mirror, or who else writes to the cache.

: "${root:?}" "${arch:?}"

version=$(sed -n 's/^version //p' "${root}/libexec/release")
digest=$(sed -n "s/^${arch} //p" "${root}/libexec/release")

# is_good FILE : whether it is the published program. By stdin, since sha256sum escapes some names.
is_good() {
  [ -f "$1" ] && sum=$(sha256sum <"$1") && sum=${sum%% *} && [ "${sum}" = "${digest}" ]
}

# download FILE : the bytes, not verified yet. The flags are those of Heroku's own buildpacks, and build systems with
# slow lines know the two variables: https://github.com/heroku/heroku-buildpack-python/blob/main/lib/python.sh
download() {
  curl --connect-timeout "${CURL_CONNECT_TIMEOUT:-3}" --max-time "${CURL_TIMEOUT:-60}" \
    --retry-max-time "${CURL_TIMEOUT:-60}" --retry 5 --retry-connrefused \
    --fail --location --no-progress-meter --proto "${protocols}" --output "$1" -- "${url}" 2>&1
}

# fetch : downloads the program to ${partial}, and verifies it before it can be started.
fetch() {
  if [ -n "${env_dir}" ] && [ -r "${env_dir}/HOOP_BUILDPACK_RELEASES_URL" ]; then
    mirror=$(cat -- "${env_dir}/HOOP_BUILDPACK_RELEASES_URL")
  fi
  mirror=${HOOP_BUILDPACK_RELEASES_URL:-${mirror-}}
  base=${mirror:-https://github.com/hoophq/heroku-hoop-buildpack/releases/download}
  url=${base%/}/v${version}/${name}
  # Whoever says https gets no plain redirect, and a file is read only where one was named.
  case ${base} in
    http://*) protocols='=https,http' ;;
    file:*) protocols='=file' ;;
    *) protocols='=https' ;;
  esac
  # The URL of a mirror may hold a token.
  shown=$(printf '%s' "${url}" | tr -d '[:cntrl:]' | sed 's|//[^/]*@|//****@|')

  if ! details=$(download "${partial}"); then
    rm -f -- "${partial}"
    fail <<MESSAGE
Error: The program of the hoop buildpack could not be downloaded.

This copy of the buildpack has no program in it, and takes the
published one of version ${version} from

    ${shown}

Nothing was installed. Your running release is not affected.

1. Deploy again. On a slow line, raise CURL_TIMEOUT (seconds) of the
   build environment.
2. Where the build has no way to that server, copy the file to a server
   of yours, in a folder v${version}, and name the URL above that folder:
   heroku config:set HOOP_BUILDPACK_RELEASES_URL=<url>
3. Or use the release's tarball as the buildpack, which has the program
   in it: hoop-buildpack-${version}.tgz

Details: ${details}

Failure id: shim::download-failed
MESSAGE
  fi
  if ! is_good "${partial}"; then
    bytes=$(wc -c <"${partial}")
    rm -f -- "${partial}"
    fail <<MESSAGE
Error: The downloaded program of the hoop buildpack is not the published one.

File:     ${name} ($((bytes)) bytes)
From:     ${shown}
Expected: sha256 ${digest}
Received: sha256 ${sum}

It was not started. Nothing was installed. Your running release is not
affected.

1. Deploy again, in case the download was damaged.
2. If it happens twice, compare the file with the one of the release:
   https://github.com/hoophq/heroku-hoop-buildpack/releases
3. If that one differs too, do not work around it. Tell us, see
   SECURITY.md.

Failure id: shim::checksum-mismatch
MESSAGE
  fi
  chmod 755 -- "${partial}"
}

# Where the program is kept: the app's cache in a build, the user's for a person. detect and release have no cache, and
# a constant answer, so they need no program. report only tells what a build left, and where that is nothing, so is its
# answer.
env_dir='' keep_in=''
if [ -n "${version}" ] && [ -n "${digest}" ]; then
  case ${1-} in
    detect)
      if [ -d "${2-}" ] && [ -r "${2-}" ]; then
        echo 'Hoop agent'
        exit 0
      fi
      printf 'Cannot read the folder of the app: %s\n' "${2-}" >&2
      exit 1
      ;;
    release)
      printf 'addons: []\ndefault_process_types: {}\n'
      exit 0
      ;;
    compile | report) keep_in=${3:+${3}/hoop} env_dir=${4-} ;;
    *) keep_in=${XDG_CACHE_HOME:-${HOME:-}/.cache}/hoop ;;
  esac

  for tool in curl sha256sum; do
    command -v "${tool}" >/dev/null || fail <<MESSAGE
Error: The hoop buildpack needs ${tool}, and this machine has none.

This copy of the buildpack has no program in it. It downloads the
published one with curl, and verifies it with sha256sum.

Nothing was changed. Your running release is not affected.

1. Install ${tool} where the build runs.
2. Or use the release's tarball as the buildpack, which has the program
   in it: hoop-buildpack-${version}.tgz
3. Deploy again.

Failure id: shim::tool-missing
MESSAGE
  done

  # The name has the version in it, for the cache outlives this release.
  name=hoop-buildpack-linux-${arch}
  kept=${keep_in:+${keep_in}/hoop-buildpack-${version}-linux-${arch}}
  if [ -n "${kept}" ] && [ -x "${kept}" ] && is_good "${kept}"; then
    program=${kept}
  elif [ "${1-}" = report ]; then
    exit 0
  else
    [ "${1-}" != compile ] || printf '%s\n' "-----> Downloading the program of hoop buildpack ${version}"
    # A link in place of our folder leads to somebody else's, as another buildpack's, and is none of ours to tidy up.
    # compile removes what a killed build leaves behind by the name download-*, see src/build/cache.rs.
    if [ -n "${keep_in}" ] && [ ! -L "${keep_in}" ] && mkdir -p -- "${keep_in}" 2>/dev/null &&
      partial=$(mktemp "${keep_in}/download-XXXXXXXXXX" 2>/dev/null); then
      fetch
      rm -f -- "${keep_in}"/hoop-buildpack-*
      mv -f -- "${partial}" "${kept}"
      program=${kept}
    # A cache that cannot be used costs a download at each build, never the build.
    elif partial=$(mktemp "${TMPDIR:-/tmp}/hoop-buildpack-XXXXXXXXXX" 2>/dev/null); then
      fetch
      # shellcheck disable=SC2034 # for bin/hoop-buildpack
      program=${partial}
    else
      fail <<MESSAGE
Error: The hoop buildpack has no place for its program.

Neither of these can be written:
  ${keep_in:-(no cache dir was given)}
  ${TMPDIR:-/tmp}

Nothing was changed. Your running release is not affected.

1. Check owner, mode and free space of these folders, or set TMPDIR of
   the build environment to another.
2. Deploy again.

Failure id: shim::not-writable
MESSAGE
    fi
    [ "${1-}" != compile ] || printf '       %s, sha256 verified\n' "${name}"
  fi
fi
