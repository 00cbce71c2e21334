// precompiled.h for the unit tests: their framework is the largest header of all.
#pragma once

#include "mk/precompiled.h"
#include "tests/support/catch.h"
