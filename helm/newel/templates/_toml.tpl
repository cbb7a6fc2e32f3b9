{{/*
A map as TOML: {path, table}. Values hold every number as a float, and Helm's own toToml writes 10 as 10.0 for that, which
no key for a whole number takes.
Scalars and lists come before the tables of the same level, as TOML needs it.
*/}}
{{- define "newel.toml" -}}
{{- $path := .path -}}
{{- $lines := list -}}
{{- $tables := list -}}
{{- range $key, $value := .table -}}
{{- $name := ternary $key (toJson $key) (regexMatch "^[A-Za-z0-9_-]+$" $key) -}}
{{- if kindIs "map" $value -}}
{{- $inner := append $path $name -}}
{{- $tables = append $tables (include "newel.toml" (dict "path" $inner "table" $value)) -}}
{{- else if not (kindIs "invalid" $value) -}}
{{- $lines = append $lines (printf "%s = %s" $name (include "newel.tomlValue" $value)) -}}
{{- end -}}
{{- end -}}
{{- if and $path $lines -}}
{{- $lines = prepend $lines (printf "[%s]" (join "." $path)) -}}
{{- end -}}
{{- $parts := ternary (prepend $tables (join "\n" $lines)) $tables (gt (len $lines) 0) -}}
{{- join "\n\n" $parts -}}
{{- end -}}

{{/* JSON's numbers, strings and truth values are TOML's too. */}}
{{- define "newel.tomlValue" -}}
{{- if kindIs "slice" . -}}
{{- $items := list -}}
{{- range . -}}{{- $items = append $items (include "newel.tomlValue" .) -}}{{- end -}}
[{{ join ", " $items }}]
{{- else if kindIs "map" . -}}
{{- fail "newel: config: a list of tables can't be written here; give it in a file of your own" -}}
{{- else -}}
{{- toJson . -}}
{{- end -}}
{{- end -}}
