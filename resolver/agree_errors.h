/* Installed, agree.h and agree_errors.h lie in one directory; in the source tree they do not. */
#include "libproto/agree_errors.h"
