/* Where the programs of the package find each other and their data: see folders.h. */
#include "folders.h"

#include <shlobj.h>
#include <strsafe.h>

BOOL program_folder(HMODULE module, wchar_t path[PATH_SIZE]) {
    DWORD length = GetModuleFileNameW(module, path, PATH_SIZE);
    if (length == 0 || length >= PATH_SIZE) return FALSE;
    wchar_t *end = wcsrchr(path, L'\\');
    if (!end) return FALSE;
    *end = 0;
    return TRUE;
}

BOOL data_folder(const wchar_t *name, BOOL overridable, wchar_t path[PATH_SIZE]) {
    DWORD length = overridable ? GetEnvironmentVariableW(L"SPOT_PC_HOME", path, PATH_SIZE) : 0;
    if (length >= PATH_SIZE) return FALSE;
    if (length == 0) {
        PWSTR found = NULL;
        if (FAILED(SHGetKnownFolderPath(&FOLDERID_ProgramData, 0, NULL, &found))) return FALSE;
        HRESULT made = StringCchPrintfW(path, PATH_SIZE, L"%ls\\Spot PC", found);
        CoTaskMemFree(found);
        if (FAILED(made)) return FALSE;
    }
    return !*name || (SUCCEEDED(StringCchCatW(path, PATH_SIZE, L"\\")) && SUCCEEDED(StringCchCatW(path, PATH_SIZE, name)));
}

BOOL hand_on_data_folder(BOOL overridable) {
    wchar_t path[PATH_SIZE];
    return data_folder(L"", overridable, path) && SetEnvironmentVariableW(L"SPOT_PC_HOME", path);
}

BOOL edge_command(const wchar_t *home, const wchar_t *rest, wchar_t line[LINE_SIZE]) {
    return SUCCEEDED(StringCchPrintfW(line, LINE_SIZE, L"\"%ls\\python\\python.exe\" -B -u -X utf8 -m edge %ls", home, rest));
}
