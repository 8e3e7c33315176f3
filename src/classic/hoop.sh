# shellcheck shell=sh
# Written by the hoop buildpack. Puts hoopstart on the PATH and, with HOOP_AUTOSTART set, starts the agent
# beside whatever this shell runs. It is sourced into the dyno's own shell, so it ends in success, sets nothing
# but PATH and prints nothing.
case ":${PATH:-}:" in
  *":${HOME:-/app}/.hoop/bin:"*) ;;
  *) export PATH="${PATH:+${PATH}:}${HOME:-/app}/.hoop/bin" ;;
esac
# A ps:exec shell (SSH_CLIENT is set) has no config vars and is not the dyno's process: nothing is started there.
if [ -n "${HOOP_AUTOSTART:-}" ] && [ -z "${SSH_CLIENT:-}" ] && [ -x "${HOME:-/app}/.hoop/bin/hoopstart" ]; then
  "${HOME:-/app}/.hoop/bin/hoopstart" --attach "$$" </dev/null || :
fi
