# Sourced by the other scripts: which Debian packages are needed, and how they come here.

BUILD_PACKAGES="build-essential autoconf automake pkg-config libevent-dev libgmime-3.0-dev
libcurl4-openssl-dev libssl-dev libjansson-dev libcrypt-dev libseccomp-dev
ca-certificates"

# What the tests need on top: unit tests, clients that send, the libraries of servers that
# are unpacked and not installed, and tools that the checks call.
TEST_PACKAGES="libcmocka-dev python3 python3-pytest swaks libnet-ssleay-perl msmtp curl openssl gawk
clang clang-format-14 xz-utils procps libdb5.3 libicu72 libnsl2 libsasl2-2 libsasl2-modules libcap2
libpcre2-8-0 libsystemd0 libgnutls-dane0 libidn12 libpam0g netbase php-cli libphp-phpmailer
python3-django python3-yaml libjakarta-mail-java"

# Servers, and libraries that nothing else here needs: unpacked.
PEERS="postfix exim4-daemon-light opensmtpd dma cron prometheus-alertmanager"
HAPROXY="haproxy liblua5.3-0 libopentracing-c-wrapper0 libopentracing1"

QUICKSTART_PACKAGES="swaks curl jq"

say() {
    printf '\n== %s\n' "$*"
}

die() {
    printf '\n%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# as_root COMMAND...: directly, or by sudo.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "this step needs root (install packages); run as root or install sudo"
    fi
}

# install_packages PACKAGE...: those that are missing, and nothing where none is.
install_packages() {
    local missing="" package

    command -v apt-get >/dev/null || die "this is not Debian; install by hand: $*"
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
            missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    say "Installing Debian packages:$missing"
    as_root apt-get -q update >/dev/null || die "apt-get update failed; is the network up?"
    # shellcheck disable=SC2086
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y \
        --no-install-recommends $missing >/dev/null ||
        die "apt-get could not install:$missing"
}

# build FOLDER CONFIGURE-OPTION...: configures where needed, then builds.
build() {
    local folder=$1
    shift

    [ -x configure ] && [ configure -nt configure.ac ] || autoreconf -fi
    mkdir -p "$folder"
    if [ ! -f "$folder/Makefile" ] || [ configure -nt "$folder/Makefile" ]; then
        (cd "$folder" && ../configure -q "$@") ||
            die "configure failed; see $folder/config.log"
    fi
    make -C "$folder" -s -j"$(nproc)" || die "the build failed; the message is above"
}
