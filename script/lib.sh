# What the scripts share; they source it with the project's root as working folder.
root=$PWD

say() { printf '%s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# quietly COMMAND...: shows what the command printed only when it failed.
quietly() {
  quiet_log=$(mktemp)
  if "$@" >"$quiet_log" 2>&1; then
    rm -f "$quiet_log"
  else
    quiet_code=$?
    cat "$quiet_log" >&2
    rm -f "$quiet_log"
    return "$quiet_code"
  fi
}

has() { command -v "$1" >/dev/null 2>&1; }

# May this user install Debian packages with no question asked?
may_install() {
  has apt-get || return 1
  [ "$(id -u)" = 0 ] || { has sudo && sudo -n true 2>/dev/null; }
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

apt_install() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@"
}

# The package lists are fetched only when the packages cannot be had with those that are there.
install_debian_packages() {
  apt_install "$@" >/dev/null 2>&1 || {
    as_root apt-get update >/dev/null 2>&1 || true
    quietly apt_install "$@"
  }
}

# Puts the Node that the project brings first.
use_node() {
  PATH=$root/node_modules/.bin:$PATH
  export PATH
  major=$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0)
  [ "$major" -ge 24 ] || fail "Node 24 or newer is needed and npm could not bring it (Node on the PATH: $(node --version 2>/dev/null || echo none)): install it, or when npm is set to ignore scripts: npm rebuild --ignore-scripts=false node"
}
