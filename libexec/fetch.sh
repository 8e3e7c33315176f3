# shellcheck shell=sh
# Gets the published program of this release, for bin/hoop-buildpack, which reads this file where the buildpack has no
# program in it. Uses its ${root}, ${arch}, arguments and `fail`; leaves ${program} empty where nothing was
# published.
#
# What libexec/program says is the only thing that is trusted: no byte is started that did not have its digest just
# before. So it does not matter who runs the mirror, or what the cache was filled with since the last build. It does
# matter who else writes to the cache at this very moment. That is the user of the build, who could change the
# buildpack as well.
#
# No program of another release is removed here: compile does that in the app's cache, once a build has succeeded
# (src/acquire/cache.rs). Should it remove one that another build has verified and not started yet, that build fails.

: "${root:?}" "${arch:?}"

version=$(sed -n 's/^version //p' "${root}/libexec/program")
digest=$(sed -n "s/^${arch} //p" "${root}/libexec/program")

# need TOOL : ends the build where this machine does not have it.
need() {
  command -v "$1" >/dev/null || fail <<MESSAGE
Error: The hoop buildpack needs $1, and this machine has none.

This copy of the buildpack has no program in it. It downloads the
published one with curl, and verifies it with sha256sum.

Nothing was changed. Your running release is not affected.

1. Install $1 where the build runs.
2. Or use the release's tarball as the buildpack, which has the
   program in it: hoop-buildpack-${version}.tgz
3. Deploy again.

Failure id: shim::tool-missing
MESSAGE
}

# is_good FILE : whether it is the published program. By stdin, since sha256sum escapes some names.
is_good() {
  [ -f "$1" ] && sum=$(sha256sum <"$1") && sum=${sum%% *} && [ "${sum}" = "${digest}" ]
}

# choose_url : says in ${url} where the program is, in ${shown} the same for people to read, and in ${protocols} which
# ways may lead there. Whoever says https gets no plain redirect, and a file is read only where one was named.
choose_url() {
  mirror=${HOOP_BUILDPACK_RELEASES_URL-}
  if [ -z "${mirror}" ] && [ -n "${env_dir}" ] && [ -f "${env_dir}/HOOP_BUILDPACK_RELEASES_URL" ]; then
    mirror=$(cat -- "${env_dir}/HOOP_BUILDPACK_RELEASES_URL")
  fi
  base=$(printf '%s' "${mirror:-https://github.com/hoophq/heroku-hoop-buildpack/releases/download}" | tr -d '[:cntrl:]')
  protocols=
  # What stands first is what people and curl may read in two ways: then a part of a token could pass for a host or a
  # path, and be shown. A token in two lines is a mistake.
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

It must be an https, http or file URL without a query: the
program's path is put behind it. A user name and a token belong
before the host, https://user:token@host/path, with each /, @, ?,
# and \\ in them written as %2F, %40, %3F, %23 and %5C, and so is
an @ in the path. The value is not shown here, since it may hold
a token.

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

# download FILE : the bytes, not verified yet, and in ${status} how curl has ended. The flags are those of Heroku's own
# buildpacks, and build systems with slow lines know the two variables:
# https://github.com/heroku/heroku-buildpack-python/blob/main/lib/python.sh
#
# The URL goes in by stdin, since everyone may read the arguments of a process. A .curlrc is not for us, and { and [ in
# a URL are no patterns. In the background, since a shell hears a signal while it waits, and not while it runs curl.
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

# stopped STATUS : ends a build that was told to end, and the download with it.
stopped() {
  trap '' HUP INT TERM
  [ -z "${is_downloading}" ] || kill "${!-}" 2>/dev/null || :
  wait 2>/dev/null
  discard
  printf ' !     The download was stopped. What was there of it is removed.\n' >&2
  exit "$1"
}

# discard : removes what there is of a download.
discard() {
  [ -z "${partial}" ] || rm -f -- "${partial}" "${partial}.log"
}

# fetch TEMPLATE : downloads the program to ${partial}, a new file of such a name, and verifies it before it can be
# started. Not 0 where that place is to blame: it cannot be written, or is full. Whatever else goes wrong ends the build.
fetch() {
  partial=$(mktemp "$1" 2>/dev/null) || return 1
  download "${partial}"
  if [ "${status}" -eq 23 ]; then # curl could not write
    discard
    return 1
  fi
  if [ "${status}" -ne 0 ]; then
    # Of several tries the last one's words.
    details=$(sed '/^curl: (/!d; /@/d' "${partial}.log" 2>/dev/null | sed '$!d')
    discard
    fail <<MESSAGE
Error: The program of the hoop buildpack could not be downloaded.

This copy of the buildpack has no program in it, and takes the
published one of version ${version} from

    ${shown}

Nothing was installed. Your running release is not affected.

1. Deploy again. On a slow line, raise CURL_TIMEOUT (seconds) of
   the build environment.
2. Where the build has no way to that server, copy the file to a
   server of yours, in a folder v${version}, and name the URL above
   that folder:
   heroku config:set HOOP_BUILDPACK_RELEASES_URL=<url>
3. Or use the release's tarball as the buildpack, which has the
   program in it: hoop-buildpack-${version}.tgz

Details: ${details:-curl ended with status ${status}}

Failure id: shim::download-failed
MESSAGE
  fi
  if ! is_good "${partial}"; then
    bytes=$(wc -c <"${partial}")
    discard
    fail <<MESSAGE
Error: The downloaded program of the hoop buildpack is not the
published one.

File:     ${name} ($((bytes)) bytes)
From:     ${shown}
Expected: sha256 ${digest}
Received: sha256 ${sum}

It was not started. Nothing was installed. Your running release
is not affected.

1. Deploy again, in case the download was damaged.
2. If it happens twice, compare the file with the one of the
   release:
   https://github.com/hoophq/heroku-hoop-buildpack/releases
3. If that one differs too, do not work around it. Tell us:
   https://github.com/hoophq/heroku-hoop-buildpack/security

Failure id: shim::checksum-mismatch
MESSAGE
  fi
  rm -f -- "${partial}.log"
  make_executable "${partial}"
}

# make_executable FILE : if its disk allows it.
make_executable() {
  [ -x "$1" ] || chmod 755 -- "$1" 2>/dev/null || :
}

# leave_no_name : has ${program}, which is kept nowhere, started without a name, by a descriptor: this shell becomes it,
# so nobody is left to remove it afterwards. Where there is no /proc, it stays behind.
leave_no_name() {
  exec 9<"${program}"
  if [ -x /proc/self/fd/9 ]; then
    rm -f -- "${program}"
    program=/proc/self/fd/9
  else
    exec 9<&-
  fi
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
    *)
      keep_in=${XDG_CACHE_HOME:-${HOME:+${HOME}/.cache}}
      keep_in=${keep_in:+${keep_in}/hoop}
      ;;
  esac
  need sha256sum

  # The name has the version in it, for the cache outlives this release.
  name=hoop-buildpack-linux-${arch}
  kept=${keep_in:+${keep_in}/hoop-buildpack-${version}-linux-${arch}}
  # A folder by a relative name could be any, the app's as well.
  case ${TMPDIR-} in
    /*) temporary=${TMPDIR} ;;
    *) temporary=/tmp ;;
  esac
  elsewhere=${temporary}/hoop-buildpack-${version}-linux-${arch}.download-XXXXXXXXXX
  # What is made here must be usable to whoever made it.
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
    # A link in place of our folder leads to somebody else's, as another buildpack's, and is not ours to write to.
    # compile removes what a killed build leaves behind by such a name, see src/acquire/cache_names.rs.
    if [ -n "${keep_in}" ] && [ ! -L "${keep_in}" ] && mkdir -p -- "${keep_in}" 2>/dev/null &&
      fetch "${kept}.download-XXXXXXXXXX"; then
      program=${partial}
      # mv would put it into a folder that has this name. Where it cannot be kept, it can still be run.
      if [ ! -d "${kept}" ] && mv -f -- "${partial}" "${kept}" 2>/dev/null; then program=${kept}; fi
    # A cache that cannot be used costs a download at each build, never the build.
    elif fetch "${elsewhere}"; then
      program=${partial}
    fi
    [ "${1-}" != compile ] || [ -z "${program}" ] || printf '       %s, sha256 verified\n' "${name}"
  fi

  # The cache's disk may run no programs (mount -o noexec). -x knows that.
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
Error: The hoop buildpack has no place for its program.

Neither of these can hold a program that runs:
  ${keep_in:-(no cache dir was given)}
  ${temporary}

Nothing was changed. Your running release is not affected.

1. Check owner, mode and free space of these folders, and that
   their disks are not mounted noexec, or set TMPDIR of the build
   environment to another.
2. Deploy again.

Failure id: shim::not-writable
MESSAGE
  fi
  [ "${program}" = "${kept}" ] || leave_no_name
  umask "${mask}"
fi
