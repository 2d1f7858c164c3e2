<?php

declare(strict_types=1);

namespace Allotment\Tests;

use Allotment\Json;

/** The test vectors of the repository's root, which every language reads. */
final class Vectors
{
    private const FOLDER = __DIR__ . '/../../../vectors/';

    /** @return array<array-key, mixed> */
    public static function read(string $name): array
    {
        return (array) Json::decode((string) file_get_contents(self::FOLDER . $name));
    }
}
