<?php

declare(strict_types=1);

namespace Allotment;

/** What a page gets: two variables in an inline script, and the browser script's tag. Pure. */
final class PageHead
{
    private const STREAM_KEYS = ['schema_title', 'sample', 'producers'];

    /**
     * The values of `window.allotmentUserExperiments` and `window.allotmentConfig`, by name.
     *
     * @return array<string, array<string, mixed>>
     */
    public static function variables(Client $client, Visitor $visitor): array
    {
        $own = ['pageview_id' => true, 'session_id' => true];
        $context = $visitor->context;
        // The browser client has its own ids of page view and session.
        $context['performer'] = array_diff_key($context['performer'] ?? [], $own);
        return [
            'allotmentUserExperiments' => $visitor->getCurrentUserExperiments(),
            'allotmentConfig' => [
                'intakeUrl' => $client->browserIntakeUrl,
                'site' => $client->site,
                'streams' => (object) array_map(
                    // Where the intake sends a stream on is no page's matter.
                    static fn (\stdClass $stream): object => (object) array_intersect_key(
                        (array) $stream,
                        array_flip(self::STREAM_KEYS)
                    ),
                    $visitor->configuration->streams()
                ),
                'experiments' => (object) self::enrolled($visitor),
                'context' => (object) array_map(static fn (array $members): object => (object) $members, $context),
            ],
        ];
    }

    /**
     * Script elements for a page's head.
     *
     * @param string $scriptUrl where the site serves `allotment.js`
     * @param ?string $nonce the page's CSP nonce
     */
    public static function html(Client $client, Visitor $visitor, string $scriptUrl, ?string $nonce = null): string
    {
        return $client->guarded(static function () use ($client, $visitor, $scriptUrl, $nonce): string {
            $attribute = $nonce === null ? '' : ' nonce="' . htmlspecialchars($nonce, ENT_QUOTES) . '"';
            $statements = '';
            foreach (self::variables($client, $visitor) as $name => $value) {
                // In a script element nothing may end it or open a comment.
                $json = Json::encode($value, JSON_HEX_TAG | JSON_HEX_AMP);
                $statements .= "window.$name=$json;";
            }
            $source = htmlspecialchars($scriptUrl, ENT_QUOTES);
            return "<script$attribute>$statements</script>\n<script src=\"$source\"$attribute defer></script>\n";
        }, '');
    }

    /** @return array<array-key, array<string, mixed>> what the page may know of the visitor's experiments */
    private static function enrolled(Visitor $visitor): array
    {
        $found = [];
        foreach ($visitor->membership()->enrolled() as $name) {
            $experiment = $visitor->configuration->experiment($name);
            if ($experiment !== null) {
                $found[$name] = [
                    'stream_name' => $experiment->streamName,
                    'schema_id' => $experiment->schemaId,
                    'contextual_attributes' => $experiment->contextualAttributes,
                    'groups' => $experiment->groups,
                ];
            }
        }
        return $found;
    }
}
