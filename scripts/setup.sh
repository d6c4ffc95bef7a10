# Installs the Debian packages that are missing. Sourced by scripts/up and
# scripts/test, which then call: rbld_install_packages GROUP…
# scripts/test also calls rbld_unpack_packages.
#
# Only missing packages are installed and none is ever removed. The servers
# among them (nsd, unbound, rbldnsd, postfix, rspamd, knot) are not started, now
# or at the next boot: the tests start their own copies with their own
# configuration.

_rbld_setup_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# The servers that would otherwise start themselves.
_rbld_services="nsd unbound rbldnsd postfix rspamd knot"

# Where the group "unpack" goes, each package in a folder of its name.
_rbld_unpacked=/usr/local/lib/rbld-test

# Prints the packages of the given groups, one a line.
_rbld_packages() {
  local group
  for group in "$@"; do
    awk -v g="$group" '$1 == g { print $2 }' "$_rbld_setup_dir/packages.txt"
  done
}

# Prints those of the given packages that are not installed.
_rbld_missing() {
  local installed
  installed=$(dpkg-query -W -f='${db:Status-Abbrev} ${Package}\n' "$@" \
    2>/dev/null | awk '$1 == "ii" { print $2 }')
  printf '%s\n' "$@" | grep -vxF -e "$installed" || true
}

# Debian asks /usr/sbin/policy-rc.d before a package may start its service; 101
# says no. The file is ours only while apt runs, and an existing one is kept.
_rbld_forbid_services='
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf "#!/bin/sh\nexit 101\n" >"$policy"
  chmod 755 "$policy"
  trap "rm -f $policy" EXIT
fi
'

# with_lists COMMAND…: the package lists may be missing, or too old to fetch
# from.
_rbld_with_lists='
update() { apt-get -q -o DPkg::Lock::Timeout=300 update; }
with_lists() {
  [ -n "$(find /var/lib/apt/lists -name "*_Packages*" -print -quit)" ] || update
  "$@" || { update && "$@"; }
}
'

# Runs a shell script as root: as we are, or through sudo if it asks nothing.
_rbld_as_root() {
  if [ "$(id -u)" = 0 ]; then
    sh -ec "$1"
  else
    sudo -n sh -ec "$1"
  fi
}

_rbld_can_be_root() {
  [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null
}

# Runs a shell script as root, and shows its last words only if it fails.
_rbld_quietly_as_root() {
  local log
  log=$(mktemp)
  if ! _rbld_as_root "$1" </dev/null >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    rm -f "$log"
    return 1
  fi
  rm -f "$log"
}

rbld_install_packages() {
  local missing optional="" newly_served="" package
  if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    echo "setup: no apt-get here; rbld is built on Debian 12. The packages it" \
      "needs are listed in scripts/packages.txt." >&2
    return 1
  fi
  missing=$(_rbld_missing $(_rbld_packages "$@"))
  [ -z "$missing" ] && return 0

  # Two mail servers cannot be installed together. Another one stays, and the
  # test that needs Postfix says that it was skipped.
  if grep -qx postfix <<<"$missing"; then
    missing=$(grep -vx postfix <<<"$missing" || true)
    package=$(dpkg-query -W -f='${db:Status-Abbrev}|${Provides}|${Package}\n' \
      2>/dev/null | awk -F'|' '$1 ~ /^ii/ && $2 ~ /mail-transport-agent/ \
      { print $3; exit }')
    if [ -n "$package" ]; then
      echo "setup: postfix is not installed, because it would replace" \
        "$package; the Postfix test will be skipped."
    else
      optional=postfix
    fi
  fi
  missing=$(echo $missing $optional)
  [ -z "$missing" ] && return 0

  if ! _rbld_can_be_root; then
    echo "setup: these packages are missing and only root can install them." \
      "Run this, then try again:" >&2
    echo "  sudo apt-get update && sudo apt-get install --no-install-recommends $missing" >&2
    return 1
  fi

  for package in $_rbld_services; do
    case " $missing " in *" $package "*) newly_served+=" $package" ;; esac
  done
  echo "setup: installing $(wc -w <<<"$missing") missing Debian packages:" \
    "$missing"
  if ! _rbld_quietly_as_root "
    $_rbld_forbid_services
    $_rbld_with_lists
    export DEBIAN_FRONTEND=noninteractive
    case ' $missing ' in
      *' postfix '*)
        echo 'postfix postfix/main_mailer_type select No configuration' |
          debconf-set-selections ;;
    esac
    install() {
      apt-get -y -q -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 \
        --no-install-recommends --no-remove install $missing
    }
    with_lists install
  "; then
    echo "setup: apt-get could not install them; its last words are above." >&2
    return 1
  fi

  # Not at the next boot either.
  if [ -n "$newly_served" ] && command -v systemctl >/dev/null; then
    for package in $newly_served; do
      _rbld_as_root "systemctl disable --quiet $package.service" \
        >/dev/null 2>&1 || true
    done
    echo "setup: left switched off:$newly_served"
  fi
}

# Unpacks those of the group "unpack" that are missing. None of their scripts
# run, and nothing outside their folders changes.
rbld_unpack_packages() {
  local package missing=""
  for package in $(_rbld_packages unpack); do
    [ -d "$_rbld_unpacked/$package" ] || missing+=" $package"
  done
  [ -z "$missing" ] && return 0
  if ! _rbld_can_be_root; then
    echo "setup: only root can unpack$missing into $_rbld_unpacked;" \
      "the tests that need them will be skipped."
    return 0
  fi

  echo "setup: unpacking into $_rbld_unpacked:$missing"
  if ! _rbld_quietly_as_root "
    $_rbld_with_lists
    mkdir -p $_rbld_unpacked
    work=\$(mktemp -d)
    trap 'rm -rf \"\$work\"' EXIT
    cd \"\$work\"
    with_lists apt-get -q download $missing
    for package in $missing; do
      # Into place in one step, so that a folder which is there is whole.
      folder=\$(mktemp -d $_rbld_unpacked/.new-XXXXXX)
      dpkg -x \${package}_*.deb \"\$folder\"
      mv -T \"\$folder\" $_rbld_unpacked/\$package
    done
  "; then
    echo "setup: they could not be unpacked; the last words are above." >&2
    return 1
  fi
}
