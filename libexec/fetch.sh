# shellcheck shell=sh
# Gets the published program of this release for bin/hoop-buildpack, which sources this file if the buildpack does not
# contain a program. Uses its ${root}, ${arch}, arguments, and `fail`; leaves ${program} empty if none was published.
#
# Only libexec/program is trusted: nothing is started unless it has just been found to have the digest given there. So
# it does not matter who runs the mirror, or what was put into the cache since the last build. It does matter who else
# can write to the cache at this very moment: that is the build's own user, who could change the buildpack as well.
#
# Programs of other releases are not removed here: compile does that in the app's cache, once a build has succeeded
# (src/acquire/cache.rs). If it removes one that another build has verified but not started yet, that build fails.

: "${root:?}" "${arch:?}"

version=$(sed -n 's/^version //p' "${root}/libexec/program")
digest=$(sed -n "s/^${arch} //p" "${root}/libexec/program")

# need TOOL : ends the build if this machine does not have it.
need() {
  command -v "$1" >/dev/null || fail <<MESSAGE
Error: The hoop buildpack needs $1, which is not installed.

This copy of the buildpack comes without its program. It
downloads the published one with curl and verifies it with
sha256sum.

Nothing was changed. Your running release is not affected.

1. Install $1 on the machine that builds.
2. Or use the release's tarball as the buildpack, which includes
   the program: hoop-buildpack-${version}.tgz
3. Deploy again.

Failure id: shim::tool-missing
MESSAGE
}

# is_good FILE : succeeds if FILE is the published program. It goes in by stdin, since sha256sum escapes some names.
is_good() {
  [ -f "$1" ] && sum=$(sha256sum <"$1") && sum=${sum%% *} && [ "${sum}" = "${digest}" ]
}

# choose_url : sets ${url} to where the program is, ${shown} to the same for people to read, and ${protocols} to those
# that curl may use. An https URL never redirects to plain http, and a file is read only if the URL names one.
choose_url() {
  mirror=${HOOP_BUILDPACK_RELEASES_URL-}
  if [ -z "${mirror}" ] && [ -n "${env_dir}" ] && [ -f "${env_dir}/HOOP_BUILDPACK_RELEASES_URL" ]; then
    mirror=$(cat -- "${env_dir}/HOOP_BUILDPACK_RELEASES_URL")
  fi
  base=$(printf '%s' "${mirror:-https://github.com/hoophq/heroku-hoop-buildpack/releases/download}" | tr -d '[:cntrl:]')
  protocols=
  # First come URLs that a person and curl may read differently: part of a token could be taken for a host or a path,
  # and be shown. A line break before an @ is a token that was pasted in two lines.
  case ${mirror} in
    *[[:cntrl:]]*@*) base= ;;
    *) ;;
  esac
  case ${base} in
    *[?#\\\ ]* | *@*@* | *://*/*@*) ;;
    https://?*) protocols='=https' ;;
    http://?*) protocols='=https,http' ;;
    file:/*) protocols='=file' ;;
    *) ;;
  esac
  [ -n "${protocols}" ] || fail <<MESSAGE
Error: HOOP_BUILDPACK_RELEASES_URL cannot be used.

It must be an https, http, or file URL without a query, since the
program's path is appended to it. A user name and a token belong
before the host: https://user:token@host/path. In both, write /,
@, ?, #, and \\ as %2F, %40, %3F, %23, and %5C. In the path, write
@ as %40. The value is not shown here, since it may contain a
token.

Nothing was installed. Your running release is not affected.

1. Set the URL of the mirror:
   heroku config:set HOOP_BUILDPACK_RELEASES_URL=<url>
2. Or use the project's own releases again:
   heroku config:unset HOOP_BUILDPACK_RELEASES_URL
3. Deploy again.

Failure id: shim::releases-url-invalid
MESSAGE
  url=${base%/}/v${version}/${name}
  shown=$(printf '%s' "${url}" | sed 's|//[^/]*@|//****@|')
}

# download FILE : downloads the program to FILE, unverified, and sets ${status} to curl's exit status. The flags are
# those of Heroku's own buildpacks, and so are the two variables, which build systems with slow connections set:
# https://github.com/heroku/heroku-buildpack-python/blob/main/lib/python.sh
#
# The URL goes in by stdin, since anyone can read the arguments of a process. A user's .curlrc is ignored, and { and [
# in a URL are not patterns. curl runs in the background, since a shell handles a signal while it waits, but not while
# it runs a command in the foreground.
download() {
  is_downloading=yes
  quoted=$(printf '%s' "${url}" | sed 's/["\\]/\\&/g')
  curl --disable --globoff --connect-timeout "${CURL_CONNECT_TIMEOUT:-3}" --max-time "${CURL_TIMEOUT:-60}" \
    --retry-max-time "${CURL_TIMEOUT:-60}" --retry 5 --retry-connrefused \
    --fail --location --no-progress-meter --proto "${protocols}" --output "$1" --config - >"$1.log" 2>&1 <<CONFIG &
url = "${quoted}"
CONFIG
  status=0
  wait "$!" || status=$?
  is_downloading=
}

# stopped STATUS : ends a build that was told to stop, and its download.
stopped() {
  trap '' HUP INT TERM
  [ -z "${is_downloading}" ] || kill "${!-}" 2>/dev/null || :
  wait 2>/dev/null
  discard
  printf ' !     The download was stopped, and the partial file was removed.\n' >&2
  exit "$1"
}

# discard : removes a download, complete or not.
discard() {
  [ -z "${partial}" ] || rm -f -- "${partial}" "${partial}.log"
}

# fetch TEMPLATE : downloads the program to ${partial}, a new file named by TEMPLATE, and verifies it before it can be
# started. Fails if the place is to blame: it is full, or cannot be written to. Anything else that goes wrong ends the
# build.
fetch() {
  partial=$(mktemp "$1" 2>/dev/null) || return 1
  download "${partial}"
  if [ "${status}" -eq 23 ]; then # curl could not write
    discard
    return 1
  fi
  if [ "${status}" -ne 0 ]; then
    # What the last attempt said.
    details=$(sed '/^curl: (/!d; /@/d' "${partial}.log" 2>/dev/null | sed '$!d')
    discard
    fail <<MESSAGE
Error: The hoop buildpack's program could not be downloaded.

This copy of the buildpack comes without its program. It
downloads the published one of version ${version} from

    ${shown}

Nothing was installed. Your running release is not affected.

1. Deploy again. On a slow connection, raise CURL_TIMEOUT (in
   seconds) in the build environment.
2. If the build cannot reach that server, copy the file to a
   server of yours, into a folder v${version}, and set that folder's
   URL, but without /v${version} at its end:
   heroku config:set HOOP_BUILDPACK_RELEASES_URL=<url>
3. Or use the release's tarball as the buildpack, which includes
   the program: hoop-buildpack-${version}.tgz

Details: ${details:-curl ended with status ${status}}

Failure id: shim::download-failed
MESSAGE
  fi
  if ! is_good "${partial}"; then
    bytes=$(wc -c <"${partial}")
    discard
    fail <<MESSAGE
Error: The hoop buildpack downloaded a program that is not the
published one.

File:     ${name} ($((bytes)) bytes)
From:     ${shown}
Expected: sha256 ${digest}
Received: sha256 ${sum}

It was not started. Nothing was installed. Your running release
is not affected.

1. Deploy again, in case the download was damaged.
2. If it happens twice, compare the file with the one in the
   release:
   https://github.com/hoophq/heroku-hoop-buildpack/releases
3. If its digest is wrong, too, do not work around it. Report it:
   https://github.com/hoophq/heroku-hoop-buildpack/security

Failure id: shim::checksum-mismatch
MESSAGE
  fi
  rm -f -- "${partial}.log"
  make_executable "${partial}"
}

# make_executable FILE : tries to, since its disk may not allow it.
make_executable() {
  [ -x "$1" ] || chmod 755 -- "$1" 2>/dev/null || :
}

# leave_no_name : removes ${program}, which is not in the cache, and has it started from a file descriptor: this shell
# becomes the program, so nothing is left to remove the file afterwards. Without /proc, the file stays.
leave_no_name() {
  exec 9<"${program}"
  if [ -x /proc/self/fd/9 ]; then
    rm -f -- "${program}"
    program=/proc/self/fd/9
  else
    exec 9<&-
  fi
}

# The program is kept in the app's cache in a build, and in the user's cache for a person. detect and release have no
# cache, but always give the same answer, so they need no program. report only tells what a build left in the cache: if
# there is no program, there is nothing to tell.
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
    *)
      keep_in=${XDG_CACHE_HOME:-${HOME:+${HOME}/.cache}}
      keep_in=${keep_in:+${keep_in}/hoop}
      ;;
  esac
  need sha256sum

  # The name contains the version, since the cache outlives this release.
  name=hoop-buildpack-linux-${arch}
  kept=${keep_in:+${keep_in}/hoop-buildpack-${version}-linux-${arch}}
  # A relative name could lead to any folder, even the app's.
  case ${TMPDIR-} in
    /*) temporary=${TMPDIR} ;;
    *) temporary=/tmp ;;
  esac
  elsewhere=${temporary}/hoop-buildpack-${version}-linux-${arch}.download-XXXXXXXXXX
  # Whoever makes a file here must be able to use it.
  mask=$(umask)
  umask 022
  if [ -n "${kept}" ] && is_good "${kept}"; then
    make_executable "${kept}"
    program=${kept}
  elif [ "${1-}" = report ]; then
    exit 0
  else
    need curl
    choose_url
    [ "${1-}" != compile ] || printf '%s\n' "-----> Downloading the program of hoop buildpack ${version}"
    partial='' is_downloading=''
    trap 'stopped 129' HUP
    trap 'stopped 130' INT
    trap 'stopped 143' TERM
    # A link in place of our folder leads to somebody else's, such as another buildpack's, which is not ours to change.
    # compile removes a file of this name that a killed build left behind, see src/acquire/cache_names.rs.
    if [ -n "${keep_in}" ] && [ ! -L "${keep_in}" ] && mkdir -p -- "${keep_in}" 2>/dev/null &&
      fetch "${kept}.download-XXXXXXXXXX"; then
      program=${partial}
      # If a folder has this name, mv would put the program into it. A program that cannot be kept can still be run.
      if [ ! -d "${kept}" ] && mv -f -- "${partial}" "${kept}" 2>/dev/null; then program=${kept}; fi
    # If the cache cannot be used, each build downloads the program again, but none fails.
    elif fetch "${elsewhere}"; then
      program=${partial}
    fi
    [ "${1-}" != compile ] || [ -z "${program}" ] || printf '       %s, sha256 verified\n' "${name}"
  fi

  # The cache's disk may not allow programs to run (mount -o noexec), which -x takes into account.
  if [ -n "${program}" ] && [ ! -x "${program}" ]; then
    verified=${program} program=
    if partial=$(mktemp "${elsewhere}" 2>/dev/null); then
      if cp -- "${verified}" "${partial}" 2>/dev/null && is_good "${partial}"; then
        make_executable "${partial}"
        program=${partial}
      else
        rm -f -- "${partial}"
      fi
    fi
  fi

  if [ -z "${program}" ] || [ ! -x "${program}" ]; then
    fail <<MESSAGE
Error: The hoop buildpack has nowhere to put its program.

Neither of these folders can hold a program that may be run:
  ${keep_in:-(no cache dir was given)}
  ${temporary}

Nothing was changed. Your running release is not affected.

1. Check the owner, mode, and free space of these folders, and
   that their disks are not mounted noexec. Or set TMPDIR in the
   build environment to another folder.
2. Deploy again.

Failure id: shim::not-writable
MESSAGE
  fi
  [ "${program}" = "${kept}" ] || leave_no_name
  umask "${mask}"
fi
