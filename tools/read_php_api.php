<?php

declare(strict_types=1);

// Says what the PHP client offers, as JSON, for the generated reference: its public classes with their
// public members, signatures and doc comments. `php tools/read_php_api.php CLASS…`

require __DIR__ . '/../clients/php/autoload.php';

const OWN = 'Allotment\\';

/** A doc comment without its stars; null where it says that the thing is internal. */
function words(ReflectionClass|ReflectionMethod|ReflectionProperty|ReflectionClassConstant $of): ?string
{
    $text = preg_replace('~^/\*\*|\*/$~', '', (string) $of->getDocComment());
    $lines = array_map(static fn (string $l): string => (string) preg_replace('~^\s*\* ?~', '', $l), explode("\n", (string) $text));
    $text = trim(implode("\n", $lines));
    return str_contains($text, '@internal') ? null : $text;
}

function short(?ReflectionType $type): string
{
    return str_replace(OWN, '', (string) $type);
}

function default_of(ReflectionParameter $parameter): string
{
    if (!$parameter->isDefaultValueAvailable()) {
        return '';
    }
    if ($parameter->isDefaultValueConstant()) {
        return ' = ' . str_replace(OWN, '', (string) $parameter->getDefaultValueConstantName());
    }
    $value = $parameter->getDefaultValue();
    return ' = ' . (is_float($value) || is_string($value) || is_int($value) || is_bool($value)
        ? var_export($value, true)
        : (is_array($value) ? '[]' : ($value === null ? 'null' : 'new ' . short_name($value::class) . '()')));
}

function short_name(string $class): string
{
    return str_starts_with($class, OWN) ? substr($class, strlen(OWN)) : $class;
}

function signature(ReflectionMethod $method, string $name): string
{
    $parameters = array_map(
        static fn (ReflectionParameter $p): string => trim(
            short($p->getType()) . ' ' . ($p->isVariadic() ? '...' : '') . '$' . $p->getName() . default_of($p)
        ),
        $method->getParameters()
    );
    $returns = $method->hasReturnType() ? ': ' . short($method->getReturnType()) : '';
    return "$name(" . implode(', ', $parameters) . ")$returns";
}

/** @return list<array<string, mixed>> */
function members(ReflectionClass $class): array
{
    $found = [];
    foreach ($class->getReflectionConstants(ReflectionClassConstant::IS_PUBLIC) as $constant) {
        $text = words($constant);
        if ($constant->getDeclaringClass()->getName() !== $class->getName() || $text === null) {
            continue;
        }
        $value = $constant->getValue();
        $value = $value instanceof BackedEnum ? $value->value : $value;
        $shown = is_scalar($value) ? ' = ' . var_export($value, true) : '';
        $found[] = ['name' => $constant->getName(), 'signature' => $constant->getName() . $shown, 'text' => $text];
    }
    foreach ($class->isEnum() ? [] : $class->getProperties(ReflectionProperty::IS_PUBLIC) as $property) {
        $text = words($property);
        if ($text !== null) {
            $signature = short($property->getType()) . ' $' . $property->getName();
            $found[] = ['name' => $property->getName(), 'signature' => $signature, 'text' => $text];
        }
    }
    foreach ($class->getMethods(ReflectionMethod::IS_PUBLIC) as $method) {
        $text = words($method);
        $own = $method->getDeclaringClass()->getName() === $class->getName() && !$method->isInternal();
        if (!$own || $text === null || str_starts_with($method->getName(), '__')) {
            continue;
        }
        $static = $method->isStatic() ? '::' : '';
        $found[] = [
            'name' => $method->getName(),
            'signature' => $static . signature($method, $method->getName()),
            'text' => $text,
        ];
    }
    return $found;
}

$items = [];
foreach (array_slice($argv, 1) as $name) {
    $class = new ReflectionClass(OWN . $name);
    $build = $class->getConstructor();
    $made = $class->isInstantiable() && $build !== null && words($build) !== null
        ? 'new ' . signature($build, $name)
        : $name;
    $of = $build === null ? '' : (string) words($build);
    $kind = $class->isEnum() ? 'enum' : ($class->isInterface() ? 'interface' : 'class');
    $items[] = [
        'name' => $name,
        'kind' => $kind,
        'signature' => $made,
        'text' => trim(words($class) . "\n\n" . $of),
        'members' => members($class),
    ];
}
echo json_encode([['name' => 'Allotment', 'items' => $items]], JSON_THROW_ON_ERROR | JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE);
