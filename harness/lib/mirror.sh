# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Debian packages by a private apt directory: the machine's own mirror and keys, another
# suite or architecture, and nothing of the machine's apt state is touched.
#
# MIRROR=directory takes a directory of this machine, with dists/SUITE, in place of the
# machine's mirror, and trusts it.

# private_apt DIR SUITE [ARCH]: make it in DIR, and let apt-get use it from here on.
# Fails if the machine has no Debian mirror.
private_apt() {
	mkdir -p "$1/lists/partial" "$1/cache/archives/partial"
	mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list \
		/etc/apt/sources.list.d/*.sources 2>/dev/null |
		sed -nE -e 's/^deb[[:blank:]]+(\[[^]]*\][[:blank:]]+)?([^[:blank:]]+\/debian(\/|\.list)?)[[:blank:]].*/\2/p' \
			-e 's/^URIs:[[:blank:]]*([^[:blank:]]+\/debian(\/|\.list)?)([[:blank:]].*)?$/\1/p' |
		head -n 1)
	trust=signed-by=/usr/share/keyrings/debian-archive-keyring.gpg
	if [ -n "${MIRROR:-}" ]; then
		mirror=file:$(readlink -f "$MIRROR")
		trust=trusted=yes
	fi
	[ -n "$mirror" ] || return 1
	echo "deb [$trust] $mirror $2 main" >"$1/sources.list"
	cat >"$1/apt.conf" <<-END
		quiet "2";
		Dir::Etc::sourcelist "$1/sources.list";
		Dir::Etc::sourceparts "-";
		Dir::State::lists "$1/lists";
		Dir::Cache "$1/cache";
		APT::Sandbox::User "root";
	END
	[ -z "${3:-}" ] || cat >>"$1/apt.conf" <<-END
		APT::Architecture "$3";
		APT::Architectures { "$3"; };
		APT::Install-Recommends "false";
		Dir::State::status "/dev/null";
		Debug::NoLocking "true";
	END
	APT_CONFIG=$1/apt.conf
	export APT_CONFIG
}

# offered PACKAGE VERSION: print this version if the mirror has it, otherwise the newest
# of the same release, 7.3 for instance; nothing if there is none.
offered() {
	have=$(apt-cache madison "$1" | awk '{ print $3 }')
	if echo "$have" | grep -qxF "$2"; then
		echo "$2"
	else
		echo "$have" | grep "^$(echo "$2" | cut -d. -f1-2)\." | sort -V | tail -n 1
	fi
}

# get PACKAGE VERSION FILE SHA256: have the package as FILE. An empty SHA256 is that of
# the index, which apt has verified. Fails if it can't be had, or is another one.
get() {
	if [ ! -f "$3" ]; then
		mkdir -p "$(dirname "$3")"
		(cd "$(dirname "$3")" && apt-get download "$1=$2") || return 1
	fi
	sum=${4:-$(apt-cache show "$1=$2" | sed -n 's/^SHA256: //p')}
	echo "$sum  $3" | sha256sum --check --status
}
