#!/usr/bin/env bash
# Programs of an unpacked bundle, or of an image, load nothing from outside but glibc, and they and their libraries
# need no newer one than that of Debian 12.
#
# usage: bundle_linkage.sh FOLDER
set -euo pipefail
folder=$(cd "$1" && pwd)
newest_glibc=2.36
glibc='^(linux-vdso|ld-linux-x86-64|libc|libm|libdl|libpthread|librt|libresolv)\.so'

# foreign PROGRAM: what the loader would take from outside the bundle, or does not find. Programs
# alone say where libraries are, so a library is looked at through them.
foreign() {
  env -i ldd "$1" | awk '{ print $1, $3 }' | while read -r name path; do
    [[ $(basename "$name") =~ $glibc ]] || [[ $path == "$folder"/* ]] ||
      [[ $(readlink -f "$path") == "$folder"/* ]] || echo "$1 needs $name from ${path:-nowhere}"
  done
}

checked=0
problems=
while IFS= read -r -d '' file; do
  readelf -h "$file" >/dev/null 2>&1 || continue # a script, or data
  checked=$((checked + 1))
  [[ $file == "$folder"/lib/* ]] || problems+=$(foreign "$file")
  newest=$({ objdump -T "$file" | grep -o 'GLIBC_[0-9.]*' || true; } | sort -uV | tail -1)
  newest=${newest#GLIBC_}
  if [[ $(printf '%s\n' "$newest" "$newest_glibc" | sort -V | tail -1) != "$newest_glibc" ]]; then
    problems+=$'\n'"$file needs glibc $newest"
  fi
done < <(find "$folder" -type f -print0)
if ((checked == 0)) || [[ -n ${problems//[$'\n']/} ]]; then
  printf '%s: %d files checked, problems:\n%s\n' "$folder" "$checked" "$problems" >&2
  exit 1
fi
echo "linkage: $checked programs and libraries need nothing but glibc $newest_glibc"
