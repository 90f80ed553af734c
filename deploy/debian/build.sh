#!/usr/bin/env bash
# Builds a Debian package of Shoal with everything that it needs: an environment in /opt/shoal from the hashed lock, systemd units,
# the user by sysusers, and settings under /etc/shoal. Needs Debian's python3, dpkg-deb, and uv in the Python that $PYTHON names.
#   deploy/debian/build.sh edge|box [FOLDER]
# WHEEL=FILE packs a wheel that is there instead of building one; LOCK=FILE takes other packages than requirements/*.txt.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
here=$root/deploy/debian
program=${1:-}
out=$(realpath -m "${2:-$root/dist}")
python=${PYTHON:-$root/.venv/bin/python}
lock=$(realpath "${LOCK:-$root/requirements/$program.txt}")
interpreter=/usr/bin/python3
maintainer=${MAINTAINER:-Shoal maintainers <maintainers@shoal.example.org>}

case $program in
    edge)
        units="shoal-edge.service shoal-edge-renew.service shoal-edge-renew.timer"
        other=shoal-box
        summary="agent of one box at a fish farm"
        ;;
    box)
        units="shoal-box.service shoal-backup.service shoal-backup.timer shoal-edge.service shoal-edge-renew.service shoal-edge-renew.timer"
        other=shoal-edge
        summary="a whole fish farm's platform on one machine"
        ;;
    *)
        sed -n '2,5s/^# \{0,1\}//p' "$0" >&2
        exit 2
        ;;
esac
"$python" -m uv --version >/dev/null || {
    echo "$python has no uv, which installs the packages: '$python -m pip install uv', or PYTHON=... for another Python" >&2
    exit 2
}
package=shoal-$program
work=$(mktemp -d "${TMPDIR:-/tmp}/shoal-deb.XXXXXX")
trap 'rm -rf "$work"' EXIT
tree=$work/tree

# --- the program
mkdir -p "$work/wheel" "$tree/opt" "$out"
if [ -n "${WHEEL:-}" ]; then
    cp "$WHEEL" "$work/wheel/"
else
    "$python" -m uv build --quiet --wheel --out-dir "$work/wheel" "$root"
fi
version=$(basename "$work"/wheel/shoal-*.whl | cut -d- -f2)
"$interpreter" -m venv --without-pip --symlinks "$tree/opt/shoal"
# By name rather than by file: a file's path would stand in the package's records.
install_into() { "$python" -m uv pip install --quiet --python "$tree/opt/shoal/bin/python3" --link-mode copy "$@"; }
[ ! -s "$lock" ] || install_into --require-hashes --requirement "$lock"
install_into --no-deps --no-index --find-links "$work/wheel" "shoal==$version"

# --- what was built here and runs in /opt/shoal
minor=$("$tree/opt/shoal/bin/python3" -c 'import sys; print(sys.version_info.minor)')
rm -f "$tree"/opt/shoal/bin/[Aa]ctivate* "$tree"/opt/shoal/bin/*.bat "$tree/opt/shoal/lib64" "$tree/opt/shoal/.gitignore" "$tree/opt/shoal/.lock"
printf 'home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.%s\n' "$minor" >"$tree/opt/shoal/pyvenv.cfg"
find "$tree/opt/shoal/bin" -type f -exec sed -i "1s|^#!$tree/|#!/|" {} +
find "$tree" -name __pycache__ -prune -exec rm -rf {} +
if grep -rIlF "$work" "$tree"; then
    echo "these files name the folder of the build and would not work where they are installed" >&2
    exit 1
fi

# --- what the machine needs around it
install -d "$tree/usr/bin" "$tree/usr/lib/systemd/system" "$tree/usr/share/doc/$package" "$tree/usr/share/lintian/overrides" "$tree/etc/shoal" "$tree/DEBIAN"
ln -s /opt/shoal/bin/shoal "$tree/usr/bin/shoal"
for unit in $units; do
    install -m 0644 "$root/deploy/systemd/$unit" "$tree/usr/lib/systemd/system/"
done
install -D -m 0644 "$root/deploy/systemd/journald-shoal.conf" "$tree/usr/lib/systemd/journald.conf.d/shoal.conf"
install -D -m 0644 "$here/sysusers.conf" "$tree/usr/lib/sysusers.d/shoal.conf"
sed 's|^data_dir: \./data .*|data_dir: /var/lib/shoal/edge|' "$root/edge/edge.example.yaml" >"$tree/etc/shoal/edge.yaml"
install -m 0644 "$here/renew.env" "$tree/etc/shoal/renew.env"
install -m 0644 "$here/copyright" "$tree/usr/share/doc/$package/copyright"
sed "s|@PACKAGE@|$package|" "$here/lintian-overrides" >"$tree/usr/share/lintian/overrides/$package"
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH
printf '%s (%s) stable; urgency=medium\n\n  * What changed stands in CHANGELOG.md of the source.\n\n -- %s  %s\n' \
    "$package" "$version" "$maintainer" "$(date -R -u -d "@$SOURCE_DATE_EPOCH")" | gzip -9n >"$tree/usr/share/doc/$package/changelog.gz"

# --- the package
cat >"$tree/DEBIAN/control" <<END
Package: $package
Version: $version
Architecture: $(dpkg --print-architecture)
Maintainer: $maintainer
Installed-Size: $(du -sk --exclude=DEBIAN "$tree" | cut -f1)
Depends: python3 (>= 3.$minor), python3 (<< 3.$((minor + 1))), libc6, libstdc++6, systemd
Recommends: chrony | time-daemon
Conflicts: $other
Replaces: $other
Section: misc
Priority: optional
Description: $summary
 Shoal measures water, watches over fish with cameras and models, alarms and
 switches aerators, with or without a network.
 .
 The Python packages that it needs lie in /opt/shoal, as they were tested.
END
(cd "$tree" && find etc -type f -printf '/%p\n' | sort) >"$tree/DEBIAN/conffiles"
for script in postinst prerm postrm; do
    sed "s|@UNITS@|$units|; s|@PROGRAM@|$program|" "$here/$script" >"$tree/DEBIAN/$script"
    chmod 0755 "$tree/DEBIAN/$script"
done
(cd "$tree" && find . -path ./DEBIAN -prune -o -path ./etc -prune -o -type f -printf '%P\0' | sort -z | xargs -0 md5sum) >"$tree/DEBIAN/md5sums"
find "$tree" -type d -exec chmod 0755 {} +
find "$tree" -path "$tree/DEBIAN" -prune -o -type f -exec chmod u=rwX,go=rX {} +
find "$tree/opt/shoal/lib" -type f -name '*.py' -exec chmod a-x {} +
find "$tree" -newermt "@$SOURCE_DATE_EPOCH" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
dpkg-deb --root-owner-group -Zxz -z"${COMPRESSION:-1}" --build "$tree" "$out/${package}_${version}_$(dpkg --print-architecture).deb"
