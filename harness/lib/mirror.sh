# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# A private apt folder: the machine's own mirror and keys, another suite or
# architecture, and nothing of the machine's apt state is touched.
#
# private_apt DIR SUITE [ARCH] makes it in DIR and lets apt-get use it from here
# on. Fails if the machine has no Debian mirror.
private_apt() {
	mkdir -p "$1/lists/partial" "$1/cache/archives/partial"
	mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list \
		/etc/apt/sources.list.d/*.sources 2>/dev/null |
		sed -nE -e 's/^deb[[:blank:]]+(\[[^]]*\][[:blank:]]+)?([^[:blank:]]+\/debian(\/|\.list)?)[[:blank:]].*/\2/p' \
			-e 's/^URIs:[[:blank:]]*([^[:blank:]]+\/debian(\/|\.list)?)([[:blank:]].*)?$/\1/p' |
		head -n 1)
	[ -n "$mirror" ] || return 1
	keyring=/usr/share/keyrings/debian-archive-keyring.gpg
	echo "deb [signed-by=$keyring] $mirror $2 main" >"$1/sources.list"
	cat >"$1/apt.conf" <<-EOF
		quiet "2";
		Dir::Etc::sourcelist "$1/sources.list";
		Dir::Etc::sourceparts "-";
		Dir::State::lists "$1/lists";
		Dir::Cache "$1/cache";
		APT::Sandbox::User "root";
	EOF
	[ -z "${3:-}" ] || cat >>"$1/apt.conf" <<-EOF
		APT::Architecture "$3";
		APT::Architectures { "$3"; };
		APT::Install-Recommends "false";
		Dir::State::status "/dev/null";
		Debug::NoLocking "true";
	EOF
	APT_CONFIG=$1/apt.conf
	export APT_CONFIG
}
