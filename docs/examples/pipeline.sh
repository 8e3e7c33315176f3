#!/bin/sh
# Builds a slug, tests it, and releases it: first to staging, then to production.
# HEROKU_API_KEY is in the environment.
set -eu
git clone --quiet --depth 1 https://github.com/hoophq/heroku-hoop-buildpack
PATH="${PWD}/heroku-hoop-buildpack/bin:${PATH}"
hoop-buildpack slug build app -o slug.tgz --buildpack heroku/python --json slug.json
hoop-buildpack try --slug slug.tgz --smoke /
hoop-buildpack slug publish slug.tgz --build slug.json --app my-staging,my-app --stop-on-failure
