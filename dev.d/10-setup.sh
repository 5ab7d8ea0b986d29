# What a Debian 12 machine needs. Idempotent; says what it installs.
BUILD_PACKAGES="clang-19 lld-19 llvm-19 libclang-rt-19-dev cmake ninja-build ccache git pkg-config
  libboost1.81-dev libboost-json1.81-dev librocksdb-dev libssl-dev libfmt-dev libspdlog-dev libexpat1-dev libyaml-dev
  libtomlplusplus-dev libcli11-dev libzstd-dev libarchive-dev libisal-dev libprotobuf-dev protobuf-compiler
  libsystemd-dev libmimalloc-dev"
TEST_PACKAGES="clang-tidy-19 clang-format-19 doctest-dev librapidcheck-dev python3 python3-venv openssl procps curl iproute2
  strace python3-boto3 awscli rclone restic s3cmd skopeo busybox-static crun conmon jq
  nbdkit nbdkit-plugin-python libnbd-bin fuse3 xfsprogs e2fsprogs"

cmd_setup() {
  local missing=() sudo=""
  [ "$(id -u)" = 0 ] || sudo=sudo
  for package in $BUILD_PACKAGES $TEST_PACKAGES; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  if [ ${#missing[@]} -gt 0 ]; then
    echo "setup: installing ${#missing[@]} Debian packages: ${missing[*]}"
    $sudo apt-get update -qq
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  fi
}

# A Python environment with current clients for the tests, beside Debian's old ones.
ensure_venv() {
  local want=tests/requirements.txt
  [ -f "$want" ] || return 0
  if [ ! -f .venv/stamp ] || ! cmp -s "$want" .venv/stamp; then
    echo "setup: Python environment .venv from $want"
    /usr/bin/python3 -m venv .venv
    .venv/bin/pip -q install --disable-pip-version-check -r "$want"
    cp "$want" .venv/stamp
  fi
}
