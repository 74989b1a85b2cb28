#!/usr/bin/env bash
# Every program and library of an unpacked bundle needs nothing from outside but glibc, and no
# newer one than that of Debian 12.
#
# usage: bundle_linkage.sh FOLDER
set -euo pipefail
folder=$(cd "$1" && pwd)
newest_glibc=2.36
glibc='^(linux-vdso|ld-linux-x86-64|libc|libm|libdl|libpthread|librt|libresolv)\.so'

# foreign FILE: what the loader would take from outside the bundle, or does not find.
foreign() {
  # Without the environment, which could lend it libraries.
  env -i ldd "$1" | awk '{ print $1, $3 }' | while read -r name path; do
    [[ $(basename "$name") =~ $glibc ]] || [[ $path == "$folder"/* ]] ||
      [[ $(readlink -f "$path") == "$folder"/* ]] || echo "$1 needs $name from ${path:-nowhere}"
  done
}

checked=0
problems=
while IFS= read -r -d '' file; do
  [[ $(head -c 4 "$file") == $'\x7fELF' ]] || continue
  checked=$((checked + 1))
  problems+=$(foreign "$file")
  newest=$({ objdump -T "$file" | grep -o 'GLIBC_[0-9.]*' || true; } | sort -uV | tail -1)
  newest=${newest#GLIBC_}
  if [[ $(printf '%s\n' "$newest" "$newest_glibc" | sort -V | tail -1) != "$newest_glibc" ]]; then
    problems+=$'\n'"$file needs glibc $newest"
  fi
done < <(find "$folder/bin" "$folder/tests" "$folder/lib" -type f -print0)
if ((checked == 0)) || [[ -n ${problems//[$'\n']/} ]]; then
  printf '%s: %d files checked, problems:\n%s\n' "$folder" "$checked" "$problems" >&2
  exit 1
fi
echo "linkage: $checked programs and libraries need nothing but glibc $newest_glibc"
