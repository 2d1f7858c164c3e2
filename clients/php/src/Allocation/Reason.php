<?php

declare(strict_types=1);

namespace Allotment\Allocation;

/** Why an evaluation ended as it did, in the order in which the steps are tried. */
enum Reason: string
{
    case Overridden = 'overridden';
    case NotActive = 'not_active';
    case NotTargeted = 'not_targeted';
    case HeldOut = 'held_out';
    case LayerTaken = 'layer_taken';
    case NotSampled = 'not_sampled';
    case Assigned = 'assigned';
}
