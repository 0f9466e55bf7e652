/* Who may do what: owners and rights of folders and files, and the group that may read performance counters. */
#ifndef RIGHTS_H
#define RIGHTS_H
#include <windows.h>

/* A service's id follows from its name: `sc.exe showsid NAME` shows it, and tests/packages compute it. */
#define AGENT_SID L"S-1-5-80-913954264-2700002436-3386139429-857797868-94361202"
#define SPOC_SID L"S-1-5-80-1525028674-3460127722-2275552485-2956450965-1919374035"

#define OURS L"O:BAD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)" /* SYSTEM and administrators, and who else comes behind it */
#define READ(sid) L"(A;OICI;FRFX;;;" sid L")"
#define CHANGE(sid) L"(A;OICI;0x1301bf;;;" sid L")"


/* Give a folder or file its owner and rights (SDDL), in the place of those that it has. Return Windows' error. */
DWORD protect(wchar_t *path, const wchar_t *rights);

/* Whether a folder belongs to administrators, to SYSTEM or to who runs this, and is no link to another one. */
BOOL is_ours(const wchar_t *path);

/* Make both services members of the group that may read performance counters, or no longer. Return Windows' error. */
DWORD in_monitor_users(BOOL member);
#endif
