"""XLSX, XLSB, XLS and ODS: sheets as tables; and workbooks written."""
