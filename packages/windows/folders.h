/* Where the programs of the package find each other and their data. Every function returns FALSE where it fails. */
#ifndef FOLDERS_H
#define FOLDERS_H
#include <windows.h>

#define PATH_SIZE 1024 /* characters of the longest path that is used here, with its end */
#define LINE_SIZE 32768 /* characters of Windows' longest command line, with its end */

/* The folder of a program or library that is loaded (NULL: this program), without a slash at its end. */
BOOL program_folder(HMODULE module, wchar_t path[PATH_SIZE]);

/* A folder below ProgramData\Spot PC, or that one itself where the name is empty. SPOT_PC_HOME stands in for it, where
   `overridable`: the programs obey it, and the installer does not. */
BOOL data_folder(const wchar_t *name, BOOL overridable, wchar_t path[PATH_SIZE]);

/* Let programs that this one starts find the same data, whatever else the environment says of ProgramData. */
BOOL hand_on_data_folder(BOOL overridable);

/* The command line that runs a command of the edge with the package's own Python: no compiled file is written, since
   only the installer writes there; texts are UTF-8; output comes at once. */
BOOL edge_command(const wchar_t *home, const wchar_t *rest, wchar_t line[LINE_SIZE]);
#endif
